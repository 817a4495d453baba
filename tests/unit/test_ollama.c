/* test_ollama.c: what an Ollama says about its loaded models, and its rules for names. */
#include "wire/ollama.h"
#include "test.h"

TEST(a_model_spills_when_less_of_it_is_on_the_gpu_than_there_is)
{
    static const struct {
        const char *body;
        int count, percent; /* of the first */
    } rows[] = {
        {"{\"models\":[]}", 0, 0},
        {"{\"models\":null}", 0, 0},
        {"{\"models\":[{\"name\":\"a\",\"size\":100,\"size_vram\":100}]}", 1, 0},
        {"{\"models\":[{\"name\":\"a\",\"size\":100,\"size_vram\":75}]}", 1, 25},
        {"{\"models\":[{\"name\":\"a\",\"size\":1000,\"size_vram\":999}]}", 1, 1},
        {"{\"models\":[{\"name\":\"a\",\"size\":100}]}", 1, 100},
        {"{\"models\":[{\"name\":\"a\",\"size\":100,\"size_vram\":101}]}", 1, 0},
        {"{\"models\":[{\"name\":\"a\",\"size\":-1,\"size_vram\":-5}]}", 1, 0},
        {"{\"models\":[{\"name\":\"a\",\"size\":9223372036854775807,\"size_vram\":1}]}", 1, 100},
        {"{\"models\":[{\"name\":\"\"},{\"size\":1},{\"model\":\"b\",\"size\":4,\"size_vram\":2}]}", 1, 50},
        {"{\"models\":[{\"name\":\"a\\u001b[2J\",\"size\":4}]}", 0, 0}, /* nothing of it may steer a terminal */
        {"{}", -1, 0},
        {"{\"models\":{}}", -1, 0},
        {"[]", -1, 0},
        {"", -1, 0},
        {"{\"models\":[", -1, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ollama_loaded loaded[4];
        int count = ollama_loaded_read(str_from(rows[i].body), loaded, 4, NULL);
        if ((count < 0 ? -1 : count) != rows[i].count ||
            (count > 0 && ollama_spill_percent(&loaded[0]) != rows[i].percent))
            test_fail(__FILE__, __LINE__, "%s: %d models, %d %%", rows[i].body, count,
                      count > 0 ? ollama_spill_percent(&loaded[0]) : 0);
    }
}

TEST(no_more_models_are_taken_than_there_is_room_for)
{
    struct ollama_loaded one[1];
    EXPECT_I64(ollama_loaded_read(STR("{\"models\":[{\"name\":\"a\"},{\"name\":\"b\"}]}"), one, 1, NULL), 1);
    EXPECT_STR(str_from(one[0].name), "a");
}

TEST(names_compare_as_ollama_compares_them)
{
    EXPECT(ollama_same_model(STR("Llama3.1:8B"), STR("llama3.1:8b")));
    EXPECT(ollama_same_model(STR("nomic-embed-text"), STR("nomic-embed-text:latest")));
    EXPECT(!ollama_same_model(STR("llama3.1:8b"), STR("llama3.1:70b")));
    EXPECT(!ollama_same_model(STR("llama3.1"), STR("llama3.1:8b")));
    EXPECT(!ollama_same_model(STR(":latest"), STR("")));
}

static int torture(void *ctx)
{
    struct ollama_loaded loaded[4];
    int rc = ollama_loaded_read(str_from(ctx), loaded, 4, NULL);
    return rc < 0 ? rc : 0;
}

TEST(reading_survives_every_failed_allocation)
{
    char body[] = "{\"models\":[{\"name\":\"a\\u00e4\",\"size\":100,\"size_vram\":75,\"context_length\":4096}]}";
    (void)test_torture("ollama_loaded_read", torture, body); /* counts and judges for itself */
}
