/* test_quant.c: every block type against known values, there and back with a stated loss, and the half-width floats in full. */
#include "base/clock.h"
#include "engine/quant.h"
#include "test.h"
#include <math.h>

/* The block with known values: byte i is ((37i + 11) xor (i >> 3)) and 255; d is 0.0625 and the floor or minimum 0.03125. */
enum { BLOCK_MAX = 292, ELEMS_MAX = 256 };

static void put_half(uint8_t *block, int at, uint16_t half)
{
    if (at >= 0)
        memcpy(block + at, &half, 2);
}

static void known_block(uint8_t block[BLOCK_MAX], int d_at, int m_at)
{
    for (int i = 0; i < BLOCK_MAX; i++)
        block[i] = (uint8_t)((i * 37 + 11) ^ i >> 3);
    put_half(block, d_at, 0x2C00);
    put_half(block, m_at, 0x2800);
}

static uint32_t crc32_of(const void *bytes, size_t n) /* the polynomial of zlib */
{
    const uint8_t *p = bytes;
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

/* clang-format off */
static const struct known {
    enum quant_type type;
    uint32_t elems, bytes;
    int d_at, m_at;
    float first[8], last[2], sum;
    uint32_t crc;
} known[] = {
    {QUANT_Q4_0, 32, 18, 0, -1, {-.1875f, .125f, .4375f, -.25f, .0625f, .375f, -.375f, .0625f}, {-.1875f, 0}, -1.3125f, 0x7d0ff968},
    {QUANT_Q4_1, 32, 20, 0, 2, {.96875f, .28125f, .59375f, .90625f, .15625f, .59375f, .78125f, .21875f}, {.65625f, .78125f}, 16.3125f, 0xdc60bc16},
    {QUANT_Q5_0, 32, 22, 0, -1, {.5625f, -.125f, .125f, -.4375f, .75f, -.8125f, .375f, -.1875f}, {.875f, .0625f}, .9375f, 0x6cc4021f},
    {QUANT_Q5_1, 32, 24, 0, 2, {1.15625f, 1.59375f, 1.78125f, 1.21875f, 1.40625f, .84375f, .03125f, 1.46875f}, {.21875f, .34375f}, 32.5625f, 0x43bcb486},
    {QUANT_Q8_0, 32, 34, 0, -1, {5.3125f, 7.625f, -6.0625f, -3.75f, -1.4375f, .875f, 3.125f, 5.5625f}, {-5.0625f, -2.75f}, -10.5f, 0x8c3d20f7},
    {QUANT_Q2_K, 256, 84, 80, 82, {.6875f, 1.375f, 2.0625f, 0, .6875f, 1.375f, 2.0625f, 0}, {.34375f, .34375f}, 128.4375f, 0x39067392},
    {QUANT_Q3_K, 256, 110, 108, -1, {1.3125f, -1.75f, .4375f, -.875f, 1.3125f, -1.75f, .4375f, -.875f}, {-1.75f, 2.625f}, 40.375f, 0xc0fd4a9c},
    {QUANT_Q4_K, 256, 144, 0, 2, {15.875f, 2.3125f, 12, 13.9375f, 23.625f, 10.0625f, 19.75f, 21.6875f}, {2.40625f, 3.28125f}, 3402.875f, 0x5d7352f3},
    {QUANT_Q5_K, 256, 176, 0, 2, {54.625f, 10.0625f, 35.25f, 21.6875f, 46.875f, 2.3125f, 58.5f, 13.9375f}, {6.78125f, 7.65625f}, 7258.125f, 0x74a61669},
    {QUANT_Q6_K, 256, 210, 208, -1, {-75.9375f, 90, 30.9375f, -28.125f, -87.1875f, 78.75f, 19.6875f, -39.375f}, {-4.25f, -6.375f}, -.75f, 0x91bf4887},
    {QUANT_IQ4_NL, 32, 18, 0, -1, {-2.1875f, 1.5625f, 7.0625f, -3.0625f, .8125f, 5.5625f, -5.1875f, .8125f}, {-2.1875f, .0625f}, -15.5625f, 0x6ab114a1},
    {QUANT_IQ4_XS, 256, 136, 0, -1, {5.1875f, -.8125f, -3.3125f, 4.0625f, 1.375f, -4.3125f, 7.9375f, .625f}, {10, -13}, -878.6875f, 0x66e75d20},
    {QUANT_MXFP4, 32, 17, -1, -1, {0, .75f, -.25f, -1.5f, .5f, -.125f, -1, .25f}, {.375f, .75f}, 3.125f, 0xd7d6d786},
};
/* clang-format on */

static void check_known(const struct known *k)
{
    uint8_t blocks[2 * BLOCK_MAX], one[BLOCK_MAX];
    float out[2 * ELEMS_MAX], sum = 0;
    const struct quant_info *q = quant_info(k->type);
    REQUIRE(q && q->decode && q->block_elems == k->elems && q->block_bytes == k->bytes);
    known_block(one, k->d_at, k->m_at);
    if (k->type == QUANT_MXFP4)
        one[0] = 125;
    memcpy(blocks, one, k->bytes); /* two of them: the second starts where the first ends */
    memcpy(blocks + k->bytes, one, k->bytes);
    q->decode(blocks, out, 2 * k->elems);
    for (size_t block = 0; block < 2; block++) {
        const float *v = out + block * k->elems;
        uint32_t crc = crc32_of(v, k->elems * sizeof *v);
        if (crc != k->crc)
            test_fail(__FILE__, __LINE__, "%s, block %zu: crc %08x, expected %08x", q->name, block, crc, k->crc);
        EXPECT(memcmp(v, k->first, sizeof k->first) == 0);
        EXPECT(memcmp(v + k->elems - 2, k->last, sizeof k->last) == 0);
    }
    for (size_t e = 0; e < k->elems; e++)
        sum += out[e];
    EXPECT(sum == k->sum);
}

TEST(every_block_type_decodes_to_its_known_values)
{
    for (size_t i = 0; i < COUNT_OF(known); i++)
        check_known(&known[i]);
}

TEST(plain_types_decode)
{
    float out[3];
    const uint16_t halves[] = {0x3c00, 0xc000, 0x0001}, brains[] = {0x3f80, 0xc000, 0x0001};
    const float floats[] = {1, -2, 0x1p-149f};
    quant_info(QUANT_F16)->decode(halves, out, 3);
    EXPECT(out[0] == 1 && out[1] == -2 && out[2] == 0x1p-24f);
    quant_info(QUANT_BF16)->decode(brains, out, 3);
    EXPECT(out[0] == 1 && out[1] == -2 && out[2] == 0x1p-133f);
    quant_info(QUANT_F32)->decode(floats, out, 3);
    EXPECT(memcmp(out, floats, sizeof out) == 0);
}

TEST(the_two_smallest_scales_of_mxfp4_are_subnormal)
{
    uint8_t block[17] = {0, 1}; /* weight 0 is half a step doubled: 1 */
    float out[32];
    quant_info(QUANT_MXFP4)->decode(block, out, 32);
    EXPECT(out[0] == 0x1p-128f);
    block[0] = 1;
    quant_info(QUANT_MXFP4)->decode(block, out, 32);
    EXPECT(out[0] == 0x1p-127f);
}

/* What one block of standard normal weights loses, as the root of the mean square, is at most this much (measured: 95 % of it).
 * A code or scale in the wrong place loses around 1. */
static const struct {
    const char *type;
    double loss_max;
} losses[] = {
    {"F32", 0},      {"F16", 2.2e-4},  {"BF16", 1.75e-3}, {"Q8_0", .0056}, {"Q4_0", .085}, {"Q4_1", .081},
    {"Q5_0", .042},  {"Q5_1", .0395},  {"Q2_K", .285},    {"Q3_K", .151},  {"Q4_K", .076}, {"Q5_K", .0385},
    {"Q6_K", .0177}, {"IQ4_NL", .078}, {"IQ4_XS", .079},  {"MXFP4", .118},
};

static float normal(struct rng *r) /* Irwin and Hall: near enough */
{
    float sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (float)(rng_next(r) >> 40) * 0x1p-24f;
    return sum;
}

static double loss_of(const struct quant_info *q, float scale, float shift)
{
    enum { N = 64 * 256 };
    static float in[N], out[N];
    static uint8_t row[N * 4];
    struct rng r;
    rng_seed(&r, 5);
    for (int i = 0; i < N; i++)
        in[i] = normal(&r) * scale + shift;
    q->encode(in, row, N);
    q->decode(row, out, N);
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += ((double)out[i] - (double)in[i]) * ((double)out[i] - (double)in[i]);
    return sqrt(sum / N) / (double)scale;
}

TEST(what_is_encoded_and_decoded_loses_no_more_than_stated)
{
    for (size_t i = 0; i < COUNT_OF(losses); i++) {
        const struct quant_info *q = quant_info(quant_named(str_from(losses[i].type)));
        REQUIRE(q && q->encode && q->decode);
        double loss = loss_of(q, 1, 0), small = loss_of(q, 0.02f, 0);
        if (loss > losses[i].loss_max || (i > 0 && loss < 0.9 * losses[i].loss_max))
            test_fail(__FILE__, __LINE__, "%s loses %g, stated %g", q->name, loss, losses[i].loss_max);
        if (small > losses[i].loss_max)
            test_fail(__FILE__, __LINE__, "%s loses %g of small weights, stated %g", q->name, small,
                      losses[i].loss_max);
    }
}

TEST(types_with_a_minimum_follow_weights_that_all_lie_on_one_side)
{
    EXPECT(loss_of(quant_info(QUANT_Q4_1), 1, 100) < 0.1);
    EXPECT(loss_of(quant_info(QUANT_Q5_1), 1, -100) < 0.1);
}

TEST(zeros_stay_zeros_in_every_type)
{
    float zeros[ELEMS_MAX] = {0}, out[ELEMS_MAX];
    uint8_t row[ELEMS_MAX * 4];
    for (uint32_t type = 0; type < QUANT_TYPE_END; type++) {
        const struct quant_info *q = quant_info(type);
        if (!q || !q->encode)
            continue;
        memset(row, 0xff, sizeof row);
        memset(out, 0xff, sizeof out);
        q->encode(zeros, row, ELEMS_MAX);
        q->decode(row, out, ELEMS_MAX);
        for (int e = 0; e < ELEMS_MAX; e++)
            EXPECT(out[e] == 0);
    }
}

/* What the number says, by its definition. */
static double half_value(uint16_t h)
{
    int exponent = h >> 10 & 31, fraction = h & 0x3ff;
    double v = exponent == 0    ? ldexp(fraction, -24)
               : exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                                : ldexp(1024 + fraction, exponent - 25);
    return h & 0x8000 ? -v : v;
}

static bool half_is_right(uint16_t h)
{
    float f = quant_f16_to_f32(h);
    double v = half_value(h);
    uint16_t back = quant_f32_to_f16(f);
    if (isnan(v))
        return isnan(f) && isnan(half_value(back));
    return (double)f == v && !signbit(f) == !signbit(v) && back == h;
}

TEST(all_65536_halves_are_read_and_written_back)
{
    uint32_t h = 0;
    while (h < 0x10000 && half_is_right((uint16_t)h))
        h++;
    EXPECT_I64(h, 0x10000); /* the first that is wrong */
}

/* The float in the middle between h and the next, and its neighbours. */
static bool middle_is_right(uint16_t h)
{
    float middle = (float)((half_value(h) + half_value((uint16_t)(h + 1))) / 2);
    return quant_f32_to_f16(middle) == h + (h & 1) && quant_f32_to_f16(nextafterf(middle, 0)) == h &&
           quant_f32_to_f16(-nextafterf(middle, INFINITY)) == 0x8000 + h + 1;
}

TEST(floats_become_the_nearest_half_and_an_even_one_when_two_are_near)
{
    uint16_t h = 0;
    while (h < 0x7bff && middle_is_right(h))
        h++;
    EXPECT_I64(h, 0x7bff);
    EXPECT_I64(quant_f32_to_f16(65519.996f), 0x7bff);
    EXPECT_I64(quant_f32_to_f16(65520), 0x7c00);
    EXPECT_I64(quant_f32_to_f16(-1e30f), 0xfc00);
    EXPECT_I64(quant_f32_to_f16(0x1p-25f), 0); /* half of the smallest: the even one is zero */
    EXPECT_I64(quant_f32_to_f16(INFINITY), 0x7c00);
}

TEST(floats_become_the_nearest_bfloat)
{
    EXPECT_I64(quant_f32_to_bf16(1), 0x3f80);
    EXPECT_I64(quant_f32_to_bf16(0x1.01p0f), 0x3f80); /* in the middle, below it is even */
    EXPECT_I64(quant_f32_to_bf16(0x1.03p0f), 0x3f82); /* in the middle, above it is even */
    EXPECT_I64(quant_f32_to_bf16(0x1.0100fp0f), 0x3f81);
    EXPECT_I64(quant_f32_to_bf16(-0x1.fffffep127f), 0xff80);
    EXPECT_I64(quant_f32_to_bf16(INFINITY), 0x7f80);
    uint32_t bits = 0x7f800001; /* a NaN whose upper half alone would be infinity */
    float nan;
    memcpy(&nan, &bits, sizeof nan);
    EXPECT(isnan(quant_bf16_to_f32(quant_f32_to_bf16(nan))));
    EXPECT(isnan(quant_f16_to_f32(quant_f32_to_f16(nan))));
}

/* Every number a file may hold, with the size that lets the next tensor be found. */
static const struct {
    uint32_t type;
    const char *name;
    uint32_t elems, bytes;
} named_only[] = {
    {9, "Q8_1", 32, 36},      {15, "Q8_K", 256, 292}, {16, "IQ2_XXS", 256, 66}, {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50}, {21, "IQ3_S", 256, 110},  {22, "IQ2_S", 256, 82},
    {24, "I8", 1, 1},         {25, "I16", 1, 2},      {26, "I32", 1, 4},        {27, "I64", 1, 8},
    {28, "F64", 1, 8},        {29, "IQ1_M", 256, 56}, {34, "TQ1_0", 256, 54},   {35, "TQ2_0", 256, 66},
    {40, "NVFP4", 64, 36},    {41, "Q1_0", 128, 18},  {42, "Q2_0", 64, 18},
};

TEST(types_that_are_not_supported_are_known_by_name_and_size)
{
    for (size_t i = 0; i < COUNT_OF(named_only); i++) {
        const struct quant_info *q = quant_info(named_only[i].type);
        REQUIRE(q);
        EXPECT_STR(str_from(q->name), named_only[i].name);
        EXPECT(!q->decode && q->block_elems == named_only[i].elems && q->block_bytes == named_only[i].bytes);
    }
}

TEST(numbers_that_no_file_may_hold_are_no_type)
{
    static const uint32_t none[] = {4, 5, 31, 32, 33, 36, 37, 38, 43, 63, 64, 97, 133, UINT32_MAX};
    for (size_t i = 0; i < COUNT_OF(none); i++)
        EXPECT(!quant_info(none[i]));
}

TEST(a_type_is_found_by_its_name_whatever_the_case)
{
    EXPECT_I64(quant_named(STR("q4_k")), QUANT_Q4_K);
    EXPECT_I64(quant_named(STR("MXFP4")), QUANT_MXFP4);
    EXPECT_I64(quant_named(STR("Q4_K_M")), QUANT_TYPE_END);
    EXPECT_I64(quant_named(STR("")), QUANT_TYPE_END);
    EXPECT_I64(quant_row_bytes(quant_info(QUANT_Q6_K), 4096), 3360);
}
