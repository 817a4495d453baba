/* fuzz_keyring.c: any bytes as a file of keys. What is refused has a story; what is taken keeps every bound the gateway relies
 * on, has no name or digest twice, and is the same after being written and read again. */
#include "base/mem.h"
#include "gateway/keyring_priv.h"
#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(const struct keyring *ring, const struct key *k)
{
    assert(key_name_is_fine(k->name) && k->created_ms > 0 && k->revoked_ms >= 0);
    assert(k->rpm >= 0 && k->rpm <= KEY_RPM_MAX && (k->rpm != 0) == (k->rate != NULL));
    assert(k->job_count >= 0 && k->job_count <= KEY_JOBS_MAX);
    for (int i = 0; i < k->job_count; i++)
        assert(key_job_is_fine(k->job[i]));
    struct str tags = k->tags, one;
    int count = 0;
    while (str_cut(&tags, ',', &one)) {
        assert(key_tag_is_fine(one));
        count++;
    }
    assert(count <= KEY_TAGS_MAX);
    assert(keyring_find(ring, k->digest) == k);
    assert(k->revoked_ms || keyring_named(ring, k->name) == k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keyring *ring = NULL, *again = NULL;
    struct err e = {0};
    AUTO_BUF struct buf text = BUF_INIT(16 * MiB), second = BUF_INIT(16 * MiB);
    int rc = keyring_read(&ring, str_of(data, size), &e);
    assert((rc == 0) == (ring != NULL));
    if (rc < 0) {
        assert(e.code == rc && e.text[0]);
        return 0;
    }
    assert(keyring_count(ring) <= KEYRING_KEYS_MAX);
    for (size_t i = 0; i < keyring_count(ring); i++)
        check_key(ring, keyring_at(ring, i));
    rc = keyring_write(&text, keyring_at(ring, 0), keyring_count(ring));
    assert(rc == 0);
    rc = keyring_read(&again, buf_str(&text), &e);
    assert(rc == 0);
    rc = keyring_write(&second, keyring_at(again, 0), keyring_count(again));
    assert(rc == 0 && str_eq(buf_str(&text), buf_str(&second)));
    keyring_unref(again);
    keyring_unref(ring);
    return 0;
}
