/* test_gguf.c: model files good and hostile. A small writer makes a file field by field, so that each field can lie. */
#include "base/buf.h"
#include "engine/gguf.h"
#include "test.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the writer ---- */

#define FILE_INIT BUF_INIT(1 * MiB)

static void put_u32(struct buf *b, uint32_t v)
{
    (void)buf_append(b, str_of(&v, 4));
}
static void put_u64(struct buf *b, uint64_t v)
{
    (void)buf_append(b, str_of(&v, 8));
}
static void put_text(struct buf *b, const char *text)
{
    put_u64(b, strlen(text));
    (void)buf_append_text(b, text);
}
static void put_head(struct buf *b, uint32_t version, uint64_t tensors, uint64_t keys)
{
    (void)buf_append_text(b, "GGUF");
    put_u32(b, version);
    put_u64(b, tensors);
    put_u64(b, keys);
}
static void put_key(struct buf *b, const char *key, uint32_t type)
{
    put_text(b, key);
    put_u32(b, type);
}
static void put_key_u32(struct buf *b, const char *key, uint32_t v)
{
    put_key(b, key, GGUF_U32);
    put_u32(b, v);
}
static void put_array(struct buf *b, const char *key, uint32_t type, uint64_t count)
{
    put_key(b, key, GGUF_ARRAY);
    put_u32(b, type);
    put_u64(b, count);
}
static void put_tensor(struct buf *b, const char *name, uint32_t type, uint64_t columns, uint64_t rows, uint64_t offset)
{
    put_text(b, name);
    put_u32(b, 2);
    put_u64(b, columns);
    put_u64(b, rows);
    put_u32(b, type);
    put_u64(b, offset);
}
static void put_data(struct buf *b, size_t alignment, size_t bytes) /* byte i is i */
{
    while (b->len % alignment)
        (void)buf_append_char(b, 0);
    for (size_t i = 0; i < bytes; i++)
        (void)buf_append_char(b, (char)i);
}

/* Opens what was written; the error otherwise. */
static struct gguf *open_buf(const struct buf *b, struct err *e)
{
    struct gguf *g = NULL;
    *e = (struct err){0};
    int rc = gguf_open_memory(&g, buf_str(b), e);
    if ((rc == 0) != (g != NULL) || rc != e->code)
        test_fail(__FILE__, __LINE__, "rc %d, code %d, %s", rc, e->code, g ? "opened" : "not opened");
    return g;
}

/* ---- good files ---- */

static void put_good(struct buf *b, uint32_t version) /* every kind of value */
{
    put_head(b, version, 2, 12);
    put_key(b, "general.architecture", GGUF_STRING), put_text(b, "llama");
    put_key(b, "u8", GGUF_U8), (void)buf_append_char(b, (char)200);
    put_key(b, "i8", GGUF_I8), (void)buf_append_char(b, (char)-3);
    put_key(b, "u16", GGUF_U16), (void)buf_append(b, str_of("\xe8\xfd", 2));
    put_key(b, "i64", GGUF_I64), put_u64(b, (uint64_t)-5);
    put_key(b, "u64", GGUF_U64), put_u64(b, UINT64_MAX);
    put_key(b, "f32", GGUF_F32), put_u32(b, 0x3f000000);
    put_key(b, "f64", GGUF_F64), put_u64(b, 0x4004000000000000);
    put_key(b, "yes", GGUF_BOOL), (void)buf_append_char(b, 2);
    put_array(b, "texts", GGUF_STRING, 3), put_text(b, "a"), put_text(b, ""), put_text(b, "ccc");
    put_array(b, "i32s", GGUF_I32, 2), put_u32(b, 7), put_u32(b, (uint32_t)-7);
    put_array(b, "f32s", GGUF_F32, 2), put_u32(b, 0xbf000000), put_u32(b, 0x7fc00000);
    put_tensor(b, "second.weight", QUANT_Q8_0, 64, 3, 32);
    put_tensor(b, "first.weight", QUANT_F32, 2, 1, 0);
    put_data(b, 32, 32 + 2 * 34 * 3);
}

static void check_scalars(const struct gguf *g)
{
    uint64_t u = 0;
    int64_t i = 0;
    double f = 0;
    bool yes = false;
    struct str text = STR_NONE;
    EXPECT(gguf_get_text(g, "general.architecture", &text));
    EXPECT_STR(text, "llama");
    EXPECT(gguf_get_u64(g, "u8", &u) && u == 200);
    EXPECT(gguf_get_u64(g, "u16", &u) && u == 65000);
    EXPECT(gguf_get_u64(g, "u64", &u) && u == UINT64_MAX);
    EXPECT(gguf_get_i64(g, "i8", &i) && i == -3);
    EXPECT(gguf_get_i64(g, "i64", &i) && i == -5);
    EXPECT(gguf_get_f64(g, "f32", &f) && f == 0.5);
    EXPECT(gguf_get_f64(g, "f64", &f) && f == 2.5);
    EXPECT(gguf_get_f64(g, "i8", &f) && f == -3);
    EXPECT(gguf_get_f64(g, "u64", &f) && f == 0x1p64);
    EXPECT(gguf_get_bool(g, "yes", &yes) && yes);
}

static void check_misses(const struct gguf *g)
{
    uint64_t u = 42;
    int64_t i = 42;
    double f = 42;
    bool yes = true;
    struct str text = STR("kept");
    struct gguf_array a = {.count = 42};
    EXPECT(!gguf_get_u64(g, "i8", &u) && !gguf_get_u64(g, "f32", &u) && !gguf_get_u64(g, "u6", &u) && u == 42);
    EXPECT(!gguf_get_i64(g, "u64", &i) && !gguf_get_i64(g, "texts", &i) && !gguf_get_i64(g, "yes", &i) && i == 42);
    EXPECT(!gguf_get_f64(g, "general.architecture", &f) && !gguf_get_f64(g, "", &f) && f == 42);
    EXPECT(!gguf_get_bool(g, "u8", &yes) && !gguf_get_text(g, "u8", &text) && !gguf_get_array(g, "u8", &a));
    EXPECT_STR(text, "kept");
    EXPECT_I64(a.count, 42);
}

static void check_arrays(const struct gguf *g)
{
    struct gguf_array a;
    REQUIRE(gguf_get_array(g, "texts", &a) && a.type == GGUF_STRING && a.count == 3);
    EXPECT_STR(gguf_array_text(&a, 0), "a");
    EXPECT_STR(gguf_array_text(&a, 1), "");
    EXPECT_STR(gguf_array_text(&a, 2), "ccc");
    EXPECT(gguf_array_i64(&a, 2) == 0 && gguf_array_f64(&a, 2) == 0);
    REQUIRE(gguf_get_array(g, "i32s", &a) && a.count == 2);
    EXPECT(gguf_array_i64(&a, 1) == -7 && gguf_array_f64(&a, 0) == 7 && gguf_array_text(&a, 0).len == 0);
    REQUIRE(gguf_get_array(g, "f32s", &a) && a.count == 2);
    EXPECT(gguf_array_f64(&a, 0) == -0.5 && gguf_array_i64(&a, 0) == -1 && gguf_array_i64(&a, 1) == 0);
}

static void check_tensors(const struct gguf *g, const struct buf *b)
{
    const struct gguf_tensor *t = gguf_tensor_find(g, "second.weight");
    REQUIRE(gguf_tensor_count(g) == 2 && t && t == gguf_tensor_at(g, 0));
    EXPECT(t->type == QUANT_Q8_0 && t->dims == 2 && t->ne[0] == 64 && t->ne[1] == 3 && t->ne[2] == 1 && t->ne[3] == 1);
    EXPECT(t->bytes == 204 && (const char *)t->data + t->bytes == b->ptr + b->len);
    EXPECT(((const uint8_t *)t->data)[0] == 32);
    t = gguf_tensor_find(g, "first.weight");
    REQUIRE(t && t == gguf_tensor_at(g, 1));
    EXPECT(t->bytes == 8 && ((const uint8_t *)t->data)[1] == 1);
    EXPECT(!gguf_tensor_find(g, "first.weigh") && !gguf_tensor_find(g, "") && !gguf_tensor_find(g, "zzz"));
    EXPECT(gguf_bytes(g) == b->len && gguf_tensor_bytes(g) == 212);
}

TEST(versions_2_and_3_are_read_whole)
{
    for (uint32_t version = 2; version <= 3; version++) {
        AUTO_BUF struct buf b = FILE_INIT;
        struct err e;
        put_good(&b, version);
        struct gguf *g = open_buf(&b, &e);
        REQUIRE(g);
        check_scalars(g);
        check_misses(g);
        check_arrays(g);
        check_tensors(g, &b);
        gguf_close(g);
    }
}

TEST(a_file_without_tensors_or_keys_is_read)
{
    AUTO_BUF struct buf b = FILE_INIT;
    struct err e;
    put_head(&b, 3, 0, 0);
    struct gguf *g = open_buf(&b, &e);
    REQUIRE(g);
    uint64_t u;
    EXPECT(gguf_tensor_count(g) == 0 && !gguf_tensor_find(g, "x") && !gguf_get_u64(g, "x", &u));
    gguf_close(g);
}

TEST(the_files_own_alignment_is_followed)
{
    AUTO_BUF struct buf b = FILE_INIT;
    struct err e;
    put_head(&b, 3, 2, 1);
    put_key_u32(&b, "general.alignment", 8);
    put_tensor(&b, "a", QUANT_F32, 2, 1, 0);
    put_tensor(&b, "b", QUANT_F32, 2, 1, 8);
    put_data(&b, 8, 16);
    struct gguf *g = open_buf(&b, &e);
    REQUIRE(g);
    EXPECT(((const uint8_t *)gguf_tensor_find(g, "b")->data)[0] == 8);
    gguf_close(g);
}

TEST(a_type_that_is_not_supported_is_refused_by_name_when_the_tensor_is_wanted)
{
    AUTO_BUF struct buf b = FILE_INIT;
    struct err e;
    put_head(&b, 3, 2, 0);
    put_tensor(&b, "odd", 18, 256, 1, 0); /* IQ3_XXS, 98 bytes */
    put_tensor(&b, "fine", QUANT_F32, 1, 1, 128);
    put_data(&b, 32, 132);
    struct gguf *g = open_buf(&b, &e);
    REQUIRE(g);
    EXPECT(gguf_tensor_find(g, "odd")->bytes == 98);
    EXPECT_I64(gguf_tensor_readable(gguf_tensor_find(g, "odd"), &e), ERR_UNSUPPORTED);
    EXPECT_STR(str_from(e.text),
               "tensor \"odd\" is stored as IQ3_XXS, which is not supported; fetch the model in another "
               "quantisation, such as Q4_K_M");
    EXPECT_I64(gguf_tensor_readable(gguf_tensor_find(g, "fine"), &e), 0);
    gguf_close(g);
}

/* ---- hostile files: how each is made, and what is said ---- */

static void bad_magic(struct buf *b)
{
    put_text(b, "whatever this may be");
}
static void bad_empty(struct buf *b)
{
    (void)buf_append_text(b, "GG");
}
static void bad_web_page(struct buf *b)
{
    (void)buf_append_text(b, "<!DOCTYPE html><html>");
}
static void bad_pointer(struct buf *b)
{
    (void)buf_append_text(b, "version https://git-lfs.github.com/spec/v1\n");
}
static void bad_safetensors(struct buf *b)
{
    put_u64(b, 4);
    (void)buf_append_text(b, "{\"a\":1}");
}
static void bad_old(struct buf *b)
{
    (void)buf_append_text(b, "tjgg\1\0\0\0");
}
static void bad_head_cut(struct buf *b)
{
    put_head(b, 3, 0, 0);
    b->len = 20;
}
static void bad_version_1(struct buf *b)
{
    put_head(b, 1, 0, 0);
}
static void bad_version_4(struct buf *b)
{
    put_head(b, 4, 0, 0);
}
static void bad_endian(struct buf *b)
{
    put_head(b, 3u << 24, 0, 0);
}
static void bad_tensors_huge(struct buf *b)
{
    put_head(b, 3, UINT64_MAX, 0);
}
static void bad_keys_huge(struct buf *b)
{
    put_head(b, 3, 0, 1ull << 62);
}
static void bad_tensors_cut(struct buf *b)
{
    put_head(b, 3, 10, 0);
}
static void bad_keys_cut(struct buf *b)
{
    put_head(b, 3, 0, 2);
    put_key_u32(b, "one", 1);
}
static void bad_key_cut(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key(b, "a key", GGUF_U64);
    put_u32(b, 0);
}
static void bad_key_empty(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key_u32(b, "", 1);
    put_u32(b, 0);
}
static void bad_key_long(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_u64(b, 65536);
    put_data(b, 8, 65550);
}
static void bad_key_twice(struct buf *b)
{
    put_head(b, 3, 0, 3);
    put_key_u32(b, "same", 1);
    put_key_u32(b, "other", 1);
    put_key_u32(b, "same", 2);
}
static void bad_value_type(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key(b, "a\nkey", 13);
    put_u64(b, 0);
}
static void bad_text_huge(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key(b, "text", GGUF_STRING);
    put_u64(b, UINT64_MAX - 7);
}
static void bad_text_cut(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key(b, "text", GGUF_STRING);
    put_u64(b, 1000);
    put_data(b, 1, 100);
}
static void bad_array_of_arrays(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_array(b, "nested", GGUF_ARRAY, 0);
}
static void bad_array_type(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_array(b, "odd", 77, 0);
}
static void bad_array_huge(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_array(b, "huge", GGUF_U64, 1ull << 61); /* times 8 is 0 */
}
static void bad_array_cut(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_array(b, "numbers", GGUF_U64, 1 << 20);
    put_u64(b, 0);
}
static void bad_texts_cut(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_array(b, "texts", GGUF_STRING, 1 << 20); /* refused before 8 MiB are allocated for it */
    put_text(b, "one");
}
static void bad_text_of_array_cut(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_array(b, "texts", GGUF_STRING, 2);
    put_text(b, "one");
    put_u64(b, 50);
}
static void bad_alignment(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key_u32(b, "general.alignment", 24);
}
static void bad_alignment_small(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key_u32(b, "general.alignment", 4);
}
static void bad_alignment_0(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key_u32(b, "general.alignment", 0);
}
static void bad_alignment_type(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key(b, "general.alignment", GGUF_STRING);
    put_text(b, "32");
}
static void one_tensor(struct buf *b, const char *name, uint32_t type, uint64_t columns, uint64_t rows, uint64_t offset)
{
    put_head(b, 3, 1, 0);
    put_tensor(b, name, type, columns, rows, offset);
    put_data(b, 32, 64);
}
static void bad_name_empty(struct buf *b)
{
    one_tensor(b, "", QUANT_F32, 1, 1, 0);
}
static void bad_name_long(struct buf *b)
{
    one_tensor(b, "0123456789012345678901234567890123456789012345678901234567890123", QUANT_F32, 1, 1, 0);
}
static void bad_tensor_twice(struct buf *b)
{
    put_head(b, 3, 2, 0);
    put_tensor(b, "same", QUANT_F32, 1, 1, 0);
    put_tensor(b, "same", QUANT_F32, 1, 1, 32);
    put_data(b, 32, 64);
}
static void bad_dims_5(struct buf *b)
{
    put_head(b, 3, 1, 0);
    put_text(b, "t");
    put_u32(b, 5);
    put_data(b, 32, 64);
}
static void bad_dims_0(struct buf *b)
{
    put_head(b, 3, 1, 0);
    put_text(b, "t");
    put_u32(b, 0);
    put_data(b, 32, 64);
}
static void bad_size_0(struct buf *b)
{
    one_tensor(b, "t", QUANT_F32, 1, 0, 0);
}
static void bad_size_negative(struct buf *b)
{
    one_tensor(b, "t", QUANT_F32, (uint64_t)-32, 1, 0);
}
static void bad_product(struct buf *b)
{
    one_tensor(b, "t", QUANT_F32, 1ull << 32, 1ull << 31, 0); /* 2^63 */
}
static void bad_bytes(struct buf *b)
{
    one_tensor(b, "t", 28, 1ull << 31, 1ull << 31, 0); /* F64: 2^65 bytes */
}
static void bad_type_removed(struct buf *b)
{
    one_tensor(b, "t", 36, 32, 1, 0);
}
static void bad_type_unknown(struct buf *b)
{
    one_tensor(b, "t", UINT32_MAX, 32, 1, 0);
}
static void bad_row(struct buf *b)
{
    one_tensor(b, "t", QUANT_Q4_K, 128, 2, 0);
}
static void bad_offset_unaligned(struct buf *b)
{
    one_tensor(b, "t", QUANT_F32, 1, 1, 16);
}
static void bad_offset_far(struct buf *b)
{
    one_tensor(b, "t", QUANT_F32, 1, 1, 96);
}
static void bad_offset_wraps(struct buf *b)
{
    one_tensor(b, "t", QUANT_F32, 16, 1, UINT64_MAX - 31);
}
static void bad_overlap(struct buf *b)
{
    put_head(b, 3, 2, 0);
    put_tensor(b, "late", QUANT_F32, 8, 1, 32);
    put_tensor(b, "early", QUANT_F32, 9, 1, 0); /* 36 bytes */
    put_data(b, 32, 64);
}
static void bad_data_cut(struct buf *b)
{
    put_head(b, 3, 2, 0);
    put_tensor(b, "a", QUANT_F32, 8, 1, 0);
    put_tensor(b, "b", QUANT_F32, 1000, 1, 32);
    put_data(b, 32, 100);
}
static void bad_data_missing(struct buf *b)
{
    put_head(b, 3, 1, 0);
    put_tensor(b, "a", QUANT_F32, 8, 1, 0);
}
static void bad_info_cut(struct buf *b)
{
    put_head(b, 3, 1, 0);
    put_tensor(b, "a tensor", QUANT_F32, 1, 1, 0);
    b->len -= 3;
}
static void bad_split(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key_u32(b, "split.count", 3);
}
static void bad_split_part(struct buf *b)
{
    put_head(b, 3, 0, 2);
    put_key_u32(b, "split.no", 1);
    put_key_u32(b, "split.count", 3);
}
static void bad_split_count(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key_u32(b, "split.count", 1025);
}
static void bad_split_type(struct buf *b)
{
    put_head(b, 3, 0, 1);
    put_key(b, "split.count", GGUF_F32);
    put_u32(b, 0);
}

#define TORN ", as after a torn download: "

/* clang-format off */
static const struct {
    void (*make)(struct buf *b);
    int code;
    const char *says; /* after "the model: " */
} bad[] = {
    {bad_magic, ERR_SYNTAX, "not a GGUF file: it starts with \"????\" where \"GGUF\" should stand"},
    {bad_empty, ERR_SYNTAX, "not a GGUF file: it starts with \"GG\" where \"GGUF\" should stand"},
    {bad_web_page, ERR_SYNTAX, "not a GGUF file but a web page, as some servers send instead of the model: fetch it again, perhaps signed in"},
    {bad_pointer, ERR_SYNTAX, "not a GGUF file but a Git LFS pointer: the model itself was not fetched (git lfs pull)"},
    {bad_safetensors, ERR_SYNTAX, "not a GGUF file but safetensors: it must be converted to GGUF first"},
    {bad_old, ERR_SYNTAX, "not a GGUF file but a ggml file from before GGUF: fetch the model again as GGUF"},
    {bad_head_cut, ERR_SYNTAX, "the file ends after 20 bytes, inside its head of 24: at least 4 bytes are missing, as after a torn download; fetch it again"},
    {bad_version_1, ERR_UNSUPPORTED, "GGUF version 1, which is obsolete; fetch the model again (2 and 3 are read)"},
    {bad_version_4, ERR_UNSUPPORTED, "GGUF version 4; 2 and 3 are read"},
    {bad_endian, ERR_UNSUPPORTED, "a big-endian file; fetch the little-endian one"},
    {bad_tensors_huge, ERR_LIMIT, "says it has 18446744073709551615 tensors; at most 131072 are read"},
    {bad_keys_huge, ERR_LIMIT, "says it has 4611686018427387904 keys; at most 65536 are read"},
    {bad_tensors_cut, ERR_SYNTAX, "says it has 10 tensors, but the file ends after 24 bytes" TORN "at least 330 bytes are missing; fetch it again"},
    {bad_keys_cut, ERR_SYNTAX, "says it has 2 keys, but the file ends after 43 bytes" TORN "at least 9 bytes are missing; fetch it again"},
    {bad_key_cut, ERR_SYNTAX, "the file ends after 45 bytes, inside key 1 of 1: at least 4 bytes are missing, as after a torn download; fetch it again"},
    {bad_key_empty, ERR_SYNTAX, "key 1 of 1 has no name"},
    {bad_key_long, ERR_LIMIT, "key 1 of 1 has a name of 65536 bytes; at most 65535 are read"},
    {bad_key_twice, ERR_SYNTAX, "the key \"same\" stands in it twice"},
    {bad_value_type, ERR_SYNTAX, "key 1 of 1 (\"a?key\") has a value of type 13, which GGUF does not have"},
    {bad_text_huge, ERR_LIMIT, "key 1 of 1 has a text of 18446744073709551608 bytes; at most 1073741824 are read"},
    {bad_text_cut, ERR_SYNTAX, "the file ends after 148 bytes, inside key 1 of 1: at least 900 bytes are missing, as after a torn download; fetch it again"},
    {bad_array_of_arrays, ERR_UNSUPPORTED, "key 1 of 1 (\"nested\") is an array of type 9: an array of arrays, which is not read"},
    {bad_array_type, ERR_SYNTAX, "key 1 of 1 (\"odd\") is an array of type 77, which GGUF does not have"},
    {bad_array_huge, ERR_LIMIT, "key 1 of 1 (\"huge\") is an array of 2305843009213693952 elements; at most 1073741824 are read"},
    {bad_array_cut, ERR_SYNTAX, "the file ends after 63 bytes, inside key 1 of 1: at least 8388600 bytes are missing, as after a torn download; fetch it again"},
    {bad_texts_cut, ERR_SYNTAX, "the file ends after 64 bytes, inside key 1 of 1: at least 8388597 bytes are missing, as after a torn download; fetch it again"},
    {bad_text_of_array_cut, ERR_SYNTAX, "the file ends after 72 bytes, inside key 1 of 1: at least 50 bytes are missing, as after a torn download; fetch it again"},
    {bad_alignment, ERR_SYNTAX, "general.alignment is 24; it must be a power of two, 8 or more"},
    {bad_alignment_small, ERR_SYNTAX, "general.alignment is 4; it must be a power of two, 8 or more"},
    {bad_alignment_0, ERR_SYNTAX, "general.alignment is 0; it must be a power of two, 8 or more"},
    {bad_alignment_type, ERR_SYNTAX, "general.alignment is no 32-bit number"},
    {bad_name_empty, ERR_SYNTAX, "tensor 1 of 1 has no name"},
    {bad_name_long, ERR_LIMIT, "tensor 1 of 1 has a name of 64 bytes; at most 63 are read"},
    {bad_tensor_twice, ERR_SYNTAX, "the tensor \"same\" stands in it twice"},
    {bad_dims_5, ERR_SYNTAX, "tensor 1 of 1 (\"t\") has 5 dimensions; 1 to 4 are possible"},
    {bad_dims_0, ERR_SYNTAX, "tensor 1 of 1 (\"t\") has 0 dimensions; 1 to 4 are possible"},
    {bad_size_0, ERR_SYNTAX, "tensor 1 of 1 (\"t\") has a size of 0 in dimension 2: no tensor can have that"},
    {bad_size_negative, ERR_SYNTAX, "tensor 1 of 1 (\"t\") has a size of 18446744073709551584 in dimension 1: no tensor can have that"},
    {bad_product, ERR_SYNTAX, "tensor 1 of 1 (\"t\") has a size of 2147483648 in dimension 2: no tensor can have that"},
    {bad_bytes, ERR_SYNTAX, "tensor 1 of 1 (\"t\") is larger than any file: 4611686018427387904 blocks of F64"},
    {bad_type_removed, ERR_UNSUPPORTED, "tensor 1 of 1 (\"t\") is stored as block type 36, which is removed from GGUF or private to another program; fetch the model in another quantisation, such as Q4_K_M"},
    {bad_type_unknown, ERR_UNSUPPORTED, "tensor 1 of 1 (\"t\") is stored as block type 4294967295, which is removed from GGUF or private to another program; fetch the model in another quantisation, such as Q4_K_M"},
    {bad_row, ERR_SYNTAX, "tensor 1 of 1 (\"t\") has rows of 128 weights, which is no multiple of the 256 of a Q4_K block"},
    {bad_offset_unaligned, ERR_SYNTAX, "tensor \"t\" starts at offset 16, which is no multiple of the alignment 32"},
    {bad_offset_far, ERR_SYNTAX, "the file ends after 160 bytes, but its tensors reach to 196 (\"t\" is the last): 36 bytes are missing, as after a torn download; fetch it again"},
    {bad_offset_wraps, ERR_SYNTAX, "tensor \"t\" of 64 bytes starts at offset 18446744073709551584: no file is that large"},
    {bad_overlap, ERR_SYNTAX, "tensor \"late\" starts at offset 32, inside tensor \"early\""},
    {bad_data_cut, ERR_SYNTAX, "the file ends after 228 bytes, but its tensors reach to 4160 (\"b\" is the last): 3932 bytes are missing, as after a torn download; fetch it again"},
    {bad_data_missing, ERR_SYNTAX, "the file ends after 65 bytes, but its tensors reach to 128 (\"a\" is the last): 63 bytes are missing, as after a torn download; fetch it again"},
    {bad_info_cut, ERR_SYNTAX, "the file ends after 69 bytes, inside tensor 1 of 1: at least 3 bytes are missing, as after a torn download; fetch it again"},
    {bad_split, ERR_INVALID, "has 3 parts, but 1 was given"},
    {bad_split_part, ERR_INVALID, "this is part 2 of 3; name the first part, the others are found beside it"},
    {bad_split_count, ERR_LIMIT, "a model of 1025 parts; at most 1024 are read"},
    {bad_split_type, ERR_SYNTAX, "split.count and split.no are no numbers of parts"},
};
/* clang-format on */

TEST(each_lie_of_a_file_is_refused_by_what_it_is)
{
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO_BUF struct buf b = FILE_INIT;
        struct err e;
        bad[i].make(&b);
        struct gguf *g = open_buf(&b, &e);
        struct str said = str_from(e.text);
        said = str_skip(said, str_starts(said, STR("the model: ")) ? 11 : str_starts(said, STR("the model ")) ? 10 : 0);
        if (g || e.code != bad[i].code || !str_eq(said, str_from(bad[i].says)))
            test_fail(__FILE__, __LINE__, "case %zu: %s \"%.*s\", expected %s \"%s\"", i, err_name(e.code),
                      STR_FMT(said), err_name(bad[i].code), bad[i].says);
        gguf_close(g);
    }
}

TEST(a_file_that_ends_anywhere_is_refused_as_torn)
{
    AUTO_BUF struct buf b = FILE_INIT;
    put_good(&b, 3);
    for (size_t n = 4; n < b.len; n++) {
        struct err e;
        void *exact = mem_dup(b.ptr, n); /* the sanitizer sees a byte read past its end */
        struct buf cut = {.ptr = exact, .len = n};
        struct gguf *g = open_buf(&cut, &e);
        if (g || e.code != ERR_SYNTAX || !str_ends(str_from(e.text), STR("fetch it again")) ||
            str_find(str_from(e.text), STR("missing")) < 0)
            test_fail(__FILE__, __LINE__, "cut to %zu bytes: %s", n, g ? "opened" : e.text);
        gguf_close(g);
        mem_free(exact);
    }
}

TEST(a_long_name_from_a_file_is_shown_cut)
{
    AUTO_BUF struct buf b = FILE_INIT;
    struct err e;
    put_head(&b, 3, 0, 1);
    put_u64(&b, 60000);
    for (int i = 0; i < 60000; i++)
        (void)buf_append_char(&b, 'x');
    put_u32(&b, 99);
    EXPECT(!open_buf(&b, &e));
    EXPECT(str_find(str_from(e.text), STR("xxx...\") has a value of type 99")) > 0 && strlen(e.text) < 160);
}

/* ---- files on disk, and split models ---- */

static char folder[64];

static void folder_make(void)
{
    (void)text_format(folder, sizeof folder, "/tmp/test_gguf.XXXXXX");
    if (!mkdtemp(folder))
        test_fail(__FILE__, __LINE__, "no folder");
}

static const char *path_of(const char *name)
{
    static char path[128];
    (void)text_format(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_buf(const char *name, const struct buf *b)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, b->ptr, b->len) != (ssize_t)b->len)
        test_fail(__FILE__, __LINE__, "cannot write %s", name);
    close(fd);
}

/* Part `no` of `count`, with one tensor "tN" of 8 floats whose first byte is its number. */
static void write_part(const char *name, uint32_t no, uint32_t count, uint32_t tensors_count)
{
    AUTO_BUF struct buf b = FILE_INIT;
    char tensor[8];
    (void)text_format(tensor, sizeof tensor, "t%u", no);
    put_head(&b, 3, 1, 4);
    put_key(&b, "split.no", GGUF_U16), (void)buf_append(&b, str_of((uint16_t[]){(uint16_t)no}, 2));
    put_key(&b, "split.count", GGUF_U16), (void)buf_append(&b, str_of((uint16_t[]){(uint16_t)count}, 2));
    put_key(&b, "split.tensors.count", GGUF_I32), put_u32(&b, tensors_count);
    put_key_u32(&b, "mine", no);
    put_tensor(&b, tensor, QUANT_F32, 8, 1, 0);
    put_data(&b, 32, 32);
    b.ptr[b.len - 32] = (char)no;
    write_buf(name, &b);
}

static void write_parts(uint32_t tensors_count)
{
    write_part("m-00001-of-00003.gguf", 0, 3, tensors_count);
    write_part("m-00002-of-00003.gguf", 1, 3, tensors_count);
    write_part("m-00003-of-00003.gguf", 2, 3, tensors_count);
}

static void folder_remove(void)
{
    static const char *const names[] = {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf",
                                        "renamed.gguf", "empty.gguf"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        (void)unlink(path_of(names[i])); /* those that are there */
    if (rmdir(folder) != 0)
        test_fail(__FILE__, __LINE__, "%s is not empty", folder);
}

static void check_split(struct gguf *g)
{
    uint64_t mine = 42;
    REQUIRE(g && gguf_tensor_count(g) == 3);
    EXPECT(gguf_get_u64(g, "mine", &mine) && mine == 0); /* keys are the first part's */
    for (uint32_t no = 0; no < 3; no++) {
        char name[8];
        (void)text_format(name, sizeof name, "t%u", no);
        const struct gguf_tensor *t = gguf_tensor_find(g, name);
        EXPECT(t && ((const uint8_t *)t->data)[0] == no);
    }
    EXPECT(gguf_tensor_bytes(g) == 96 && gguf_bytes(g) > 96);
}

TEST(a_split_model_is_opened_by_its_first_part)
{
    struct gguf *g = NULL;
    struct err e = {0};
    folder_make();
    write_parts(3);
    EXPECT_I64(gguf_open(&g, path_of("m-00001-of-00003.gguf"), &e), 0);
    check_split(g);
    gguf_close(g);
    folder_remove();
}

TEST(a_split_model_is_opened_from_descriptors_that_close_afterwards)
{
    struct gguf *g = NULL;
    struct err e = {0};
    int fd[3];
    folder_make();
    write_parts(3);
    fd[0] = open(path_of("m-00001-of-00003.gguf"), O_RDONLY | O_CLOEXEC);
    fd[1] = open(path_of("m-00002-of-00003.gguf"), O_RDONLY | O_CLOEXEC);
    fd[2] = open(path_of("m-00003-of-00003.gguf"), O_RDONLY | O_CLOEXEC);
    EXPECT_I64(gguf_open_fds(&g, NULL, fd, 2, &e), ERR_INVALID);
    EXPECT_STR(str_from(e.text), "the model has 3 parts, but 2 were given");
    EXPECT_I64(gguf_open_fds(&g, NULL, (int[]){fd[0], fd[2], fd[1]}, 3, &e), ERR_SYNTAX);
    EXPECT_STR(str_from(e.text), "part 2 of 3 of the model: says it is part 3 of 3; here part 2 of 3 is wanted");
    EXPECT(!g && gguf_open_fds(&g, NULL, fd, 3, &e) == 0);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    folder_remove();
    check_split(g);
    gguf_close(g);
}

/* `says` stands after "FOLDER/". */
static void expect_refused(const char *name, int code, const char *says)
{
    struct gguf *g = NULL;
    struct err e = {0};
    EXPECT_I64(gguf_open(&g, path_of(name), &e), code);
    EXPECT(!g);
    EXPECT_STR(str_skip(str_from(e.text), strlen(folder) + 1), says);
    gguf_close(g);
}

TEST(split_models_that_do_not_fit_together_are_refused)
{
    folder_make();
    write_parts(3);
    expect_refused("m-00002-of-00003.gguf", ERR_INVALID,
                   "m-00002-of-00003.gguf: this is part 2 of 3; name the first part, the others are found beside it");
    write_parts(7);
    expect_refused("m-00001-of-00003.gguf", ERR_SYNTAX,
                   "m-00001-of-00003.gguf: its 3 parts hold 3 tensors, but it says 7: parts of different models?");
    write_parts(3);
    write_part("m-00002-of-00003.gguf", 2, 3, 3);
    expect_refused("m-00001-of-00003.gguf", ERR_SYNTAX,
                   "m-00002-of-00003.gguf: says it is part 3 of 3; here part 2 of 3 is wanted");
    write_part("m-00002-of-00003.gguf", 1, 4, 3);
    expect_refused("m-00001-of-00003.gguf", ERR_SYNTAX,
                   "m-00002-of-00003.gguf: says it is part 2 of 4; here part 2 of 3 is wanted");
    (void)unlink(path_of("m-00002-of-00003.gguf"));
    expect_refused("m-00001-of-00003.gguf", ERR_NOT_FOUND,
                   "m-00002-of-00003.gguf: cannot be opened: No such file or directory");
    write_part("renamed.gguf", 0, 3, 3);
    expect_refused(
        "renamed.gguf", ERR_INVALID,
        "renamed.gguf: the first of 3 parts, but not named like one: the others are found only when it is called "
        "NAME-00001-of-00003.gguf");
    folder_remove();
}

TEST(what_is_no_file_is_refused)
{
    AUTO_BUF struct buf b = FILE_INIT;
    folder_make();
    write_buf("empty.gguf", &b);
    expect_refused("empty.gguf", ERR_SYNTAX, "empty.gguf: the file is empty; fetch it again");
    expect_refused("absent.gguf", ERR_NOT_FOUND, "absent.gguf: cannot be opened: No such file or directory");
    expect_refused("", ERR_IO, ": a folder, not a file");
    struct gguf *g = NULL;
    struct err e = {0};
    EXPECT_I64(gguf_open(&g, "/dev/null", &e), ERR_IO);
    EXPECT_STR(str_from(e.text), "/dev/null: a device or pipe, not a file");
    EXPECT(mkfifo(path_of("pipe.gguf"), 0600) == 0); /* nobody writes into it, and nobody is waited for */
    expect_refused("pipe.gguf", ERR_IO, "pipe.gguf: a device or pipe, not a file");
    (void)unlink(path_of("pipe.gguf"));
    folder_remove();
}

static int open_and_close(void *ctx)
{
    struct gguf *g = NULL;
    struct err e = {0};
    (void)ctx;
    int rc = gguf_open(&g, path_of("m-00001-of-00003.gguf"), &e);
    if (rc == 0)
        gguf_close(g);
    else if (rc != ERR_NOMEM)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    return rc;
}

TEST(opening_survives_any_allocation_that_fails)
{
    folder_make();
    write_parts(3);
    (void)test_torture("gguf_open", open_and_close, NULL);
    folder_remove();
}
