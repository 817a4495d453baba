/* fuzz_ollama.c: the list of an Ollama's loaded models against any bytes: counts, sizes and shares stay in their ranges. */
#include "wire/ollama.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ollama_loaded loaded[8];
    int count = ollama_loaded_read(str_of(data, size), loaded, COUNT_OF(loaded), NULL);
    assert(count <= (int)COUNT_OF(loaded));
    for (int i = 0; i < count; i++) {
        int percent = ollama_spill_percent(&loaded[i]);
        assert(loaded[i].name[0] && memchr(loaded[i].name, '\0', sizeof loaded[i].name));
        assert(loaded[i].bytes >= 0 && loaded[i].gpu_bytes >= 0 && loaded[i].gpu_bytes <= loaded[i].bytes &&
               loaded[i].context >= 0);
        assert(percent >= 0 && percent <= 100 && (percent > 0) == (loaded[i].gpu_bytes < loaded[i].bytes));
    }
    return 0;
}
