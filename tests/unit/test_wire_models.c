/* test_wire_models.c: the table of models as generated, and the table of vendors. */
#include "unit/test.h"
#include "base/clock.h"
#include "wire/models.h"
#include "wire/wire.h"

static int64_t at(int year, int month, int day, int hour, int minute)
{
    struct civil c = {.year = year, .month = month, .day = day, .hour = hour, .minute = minute};
    return civil_to_ms(&c);
}

static const int64_t dollar = 1000000000; /* in nano-dollars */

TEST(decimals_become_exact_nano_dollars)
{
    int64_t now = at(2026, 11, 5, 12, 0);
    const struct model_row *r = model_price_at(STR("openai"), STR("gpt-6-luna"), now);
    REQUIRE(r);
    EXPECT_I64(r->input, dollar / 10);
    EXPECT_I64(r->cached, dollar / 100);
    EXPECT_I64(r->cache_write, dollar / 8);
    EXPECT_I64(r->output, dollar / 2);
    EXPECT_I64(r->long_over_tokens, 272000);
    EXPECT_I64(r->long_output, 750000000);
    EXPECT_I64(r->context_tokens, 1050000);
    EXPECT_I64(r->output_tokens_max, 128000);
    EXPECT(r->tools && r->json_schema && r->vision && r->reasoning && !r->embedding && !r->retired);
    r = model_price_at(STR("deepseek"), STR("deepseek-v4-pro"), at(2026, 6, 1, 0, 0));
    REQUIRE(r);
    EXPECT_I64(r->cached, 3625000); /* 0.003625 */
    r = model_price_at(STR("openrouter"), STR("deepseek/deepseek-v3.2"), now);
    REQUIRE(r);
    EXPECT_I64(r->input, 228800000);
}

TEST(an_empty_cell_is_unknown_and_a_zero_is_zero)
{
    int64_t now = at(2026, 11, 5, 12, 0);
    const struct model_row *r = model_price_at(STR("openai"), STR("gpt-5.5-pro"), now);
    REQUIRE(r);
    EXPECT(r->cached == MODEL_UNKNOWN && r->cache_write == MODEL_UNKNOWN && r->long_cached == MODEL_UNKNOWN);
    EXPECT_I64(r->long_input, 60 * dollar);
    r = model_price_at(STR("openai"), STR("text-embedding-3-small"), now);
    REQUIRE(r);
    EXPECT_I64(r->output, 0);
    EXPECT_I64(r->input, dollar / 50);
    EXPECT_I64(r->long_over_tokens, 0);
    EXPECT(r->embedding && !r->tools && r->output_tokens_max == 0);
    r = model_price_at(STR("openai"), STR("whisper-1"), now);
    REQUIRE(r);
    EXPECT(r->input == MODEL_UNKNOWN && r->output == MODEL_UNKNOWN);
}

/* Monday to Friday 09:00-12:00 and 14:00-18:00 in UTC+8; the first week of November 2026 begins on Sunday the 1st. */
TEST(the_hour_of_the_day_decides_the_price_in_the_time_of_the_vendor)
{
    static const struct {
        int day, hour, minute; /* UTC */
        bool peak;
    } moments[] = {
        {2, 0, 59, false}, {2, 1, 0, true},  {2, 3, 59, true},   {2, 4, 0, false}, {2, 5, 59, false},
        {2, 6, 0, true},   {2, 9, 59, true}, {2, 10, 0, false},  {6, 1, 0, true},  {6, 23, 0, false},
        {7, 1, 0, false},  {8, 1, 0, false}, {8, 23, 59, false}, {9, 1, 0, true},
    };
    for (size_t i = 0; i < COUNT_OF(moments); i++) {
        int64_t when = at(2026, 11, moments[i].day, moments[i].hour, moments[i].minute);
        const struct model_row *r = model_price_at(STR("deepseek"), STR("deepseek-flash"), when);
        REQUIRE(r);
        EXPECT_STR(str_from(r->variant), moments[i].peak ? "peak" : "offpeak");
        EXPECT_I64(r->input, moments[i].peak ? 300000000 : 150000000);
    }
}

TEST(hours_fit_by_weekday_and_local_time)
{
    struct model_hours h = {.weekdays = 1 << 0, .utc_offset_min = -90, .span = {{0, 60}, {23 * 60, 24 * 60}}};
    EXPECT(model_hours_fit(&h, at(2026, 11, 1, 1, 30)));
    EXPECT(!model_hours_fit(&h, at(2026, 11, 1, 1, 29))); /* still Saturday there */
    EXPECT(!model_hours_fit(&h, at(2026, 11, 1, 2, 30)));
    EXPECT(model_hours_fit(&h, at(2026, 11, 2, 1, 29)));
    EXPECT(!model_hours_fit(&h, at(2026, 11, 2, 1, 30)));
    h = (struct model_hours){0};
    EXPECT(model_hours_fit(&h, 0));
    h = (struct model_hours){.weekdays = 127, .span = {{60, 120}}};
    EXPECT(!model_hours_fit(&h, -1)); /* 1969-12-31 23:59 */
    EXPECT(model_hours_fit(&h, -23 * 3600 * 1000));
}

TEST(a_price_change_counts_from_its_day)
{
    const struct model_row *r = model_price_at(STR("openai"), STR("gpt-5.6-terra"), at(2026, 7, 29, 23, 59));
    REQUIRE(r);
    EXPECT_I64(r->input, 2500000000);
    r = model_price_at(STR("openai"), STR("gpt-5.6-terra"), at(2026, 7, 30, 0, 0));
    REQUIRE(r);
    EXPECT_I64(r->input, 2 * dollar);
    EXPECT(!model_price_at(STR("openai"), STR("gpt-5.6-terra"), at(2026, 7, 8, 23, 59)));
    r = model_price_at(STR("openai"), STR("gpt-5.6-sol"), at(2026, 9, 30, 23, 59)); /* the month means its first day */
    REQUIRE(r);
    EXPECT_I64(r->input, 5 * dollar);
    r = model_price_at(STR("openai"), STR("gpt-5.6-sol"), at(2026, 10, 1, 0, 0));
    REQUIRE(r);
    EXPECT_I64(r->input, 4 * dollar);
    r = model_price_at(STR("gemini"), STR("gemini-3.6-flash"), at(2026, 12, 30, 0, 0));
    REQUIRE(r);
    EXPECT_I64(r->output, 3750000000);
    r = model_price_at(STR("gemini"), STR("gemini-3.6-flash"), at(2027, 1, 1, 0, 0));
    REQUIRE(r);
    EXPECT_I64(r->output, 7500000000);
}

TEST(a_retired_model_is_known_priced_for_its_past_and_names_its_successor)
{
    static const struct {
        const char *vendor, *id, *successor;
    } retired[] = {
        {"deepseek", "deepseek-chat", "deepseek-flash"},
        {"deepseek", "deepseek-reasoner", "deepseek-flash"},
        {"moonshot", "kimi-k2-0905-preview", "kimi-k2.6"},
        {"moonshot", "kimi-k2-thinking", "kimi-k2.6"},
        {"moonshot", "kimi-k2-turbo-preview", "kimi-k2.6"},
        {"moonshot", "kimi-k2-thinking-turbo", "kimi-k2.6"},
        {"groq", "llama-3.3-70b-versatile", "openai/gpt-oss-120b"},
        {"anthropic", "claude-opus-4-1", "claude-opus-5-5"},
        {"anthropic", "claude-opus-4-1-20250805", "claude-opus-5-5"},
    };
    for (size_t i = 0; i < COUNT_OF(retired); i++) {
        const struct model_row *r = model_find(str_from(retired[i].vendor), str_from(retired[i].id));
        REQUIRE(r);
        EXPECT(r->retired);
        EXPECT_STR(str_from(r->successor), retired[i].successor);
        EXPECT(model_price_at(str_from(retired[i].vendor), str_from(retired[i].id), at(2026, 5, 1, 0, 0)));
    }
    EXPECT(!model_price_at(STR("deepseek"), STR("deepseek-chat"), at(2026, 7, 24, 0, 0)));
}

TEST(facts_come_from_the_current_row)
{
    const struct model_row *r = model_find(STR("openai"), STR("gpt-5.6-luna"));
    REQUIRE(r);
    EXPECT_I64(r->input, 200000000);
    r = model_find(STR("anthropic"), STR("claude-opus-5-5"));
    REQUIRE(r);
    EXPECT_STR(str_from(r->variant), "standard");
    r = model_find(STR("gemini"), STR("gemini-3.8-flash"));
    REQUIRE(r);
    EXPECT_I64(r->input, 750000000);
    r = model_find(STR("deepseek"), STR("deepseek-v4-pro"));
    REQUIRE(r);
    EXPECT(!r->retired && r->valid_to_ms == INT64_MAX);
}

TEST(a_variant_that_has_to_be_asked_for_is_never_the_price_of_a_plain_call)
{
    const struct model_row *r = model_price_at(STR("anthropic"), STR("claude-opus-5-5"), at(2026, 11, 5, 0, 0));
    REQUIRE(r);
    EXPECT_I64(r->input, 4 * dollar);
}

TEST(dated_ids_and_aliases_are_found)
{
    int64_t now = at(2026, 11, 7, 0, 0);
    static const struct {
        const char *vendor, *name, *id;
    } aliases[] = {
        {"anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"},
        {"anthropic", "claude-opus-4-5-20251101", "claude-opus-4-5"},
        {"anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"},
        {"openai", "gpt-5.6", "gpt-5.6-sol"},
        {"deepseek", "deepseek-v4-flash", "deepseek-flash"},
        {"gemini", "models/gemini-2.5-pro", "gemini-2.5-pro"},
    };
    for (size_t i = 0; i < COUNT_OF(aliases); i++) {
        const struct model_row *r = model_find(str_from(aliases[i].vendor), str_from(aliases[i].name));
        REQUIRE(r);
        EXPECT(str_eq(str_from(r->id), str_from(aliases[i].id)));
        EXPECT(r == model_find(str_from(aliases[i].vendor), str_from(aliases[i].id)));
        EXPECT(model_price_at(str_from(aliases[i].vendor), str_from(aliases[i].name), now) ==
               model_price_at(str_from(aliases[i].vendor), str_from(aliases[i].id), now));
    }
    const struct model_row *r = model_price_at(STR("deepseek"), STR("deepseek-v4-flash"), at(2026, 9, 30, 0, 0));
    REQUIRE(r); /* before it became an alias it had a price of its own */
    EXPECT_I64(r->output, 280000000);
}

TEST(what_is_not_in_the_table_is_not_found)
{
    static const char *const ids[] = {
        "", "gpt", "gpt-4o ", "GPT-4O", "gpt-4o-2024-08-06", "zzz", "models/", "models/models/gpt-4o"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        EXPECT(!model_find(STR("openai"), str_from(ids[i])));
        EXPECT(!model_price_at(STR("openai"), str_from(ids[i]), at(2026, 11, 5, 0, 0)));
    }
    EXPECT(!model_find(STR("anthropic"), STR("gpt-4o")));
    EXPECT(!model_find(STR_NONE, STR_NONE));
    EXPECT(!model_find(STR("zzz"), STR("zzz")));
}

TEST(every_row_is_found_by_its_own_id)
{
    EXPECT(model_row_count() >= 110);
    for (size_t i = 0; i < model_row_count(); i++) {
        const struct model_row *r = model_row_at(i);
        const struct model_row *found = model_find(str_from(r->vendor), str_from(r->id));
        REQUIRE(found);
        EXPECT_I64(r->row, (int32_t)i + 2); /* the line of the csv, below its header */
        EXPECT(r->as_of && r->source && r->valid_from_ms < r->valid_to_ms);
        EXPECT(vendor_find(str_from(r->vendor)) != NULL);
        int64_t moment = r->valid_from_ms != INT64_MIN ? r->valid_from_ms
                         : r->valid_to_ms != INT64_MAX ? r->valid_to_ms - 1
                                                       : 0;
        EXPECT(model_price_at(str_from(r->vendor), str_from(r->id), moment) != NULL);
        if (r->successor) {
            const struct model_row *next = model_find(str_from(r->vendor), str_from(r->successor));
            EXPECT(r->retired && next && !next->retired);
        }
    }
    EXPECT(model_row_at(model_row_count()) == NULL);
}

TEST(each_vendor_is_found_by_name_and_can_be_called)
{
    EXPECT_I64(vendor_count(), 10);
    for (size_t i = 0; i < vendor_count(); i++) {
        const struct vendor *v = vendor_at(i);
        REQUIRE(v);
        EXPECT(vendor_find(str_from(v->name)) == v);
        EXPECT(v->dialects & (1u << DIALECT_OPENAI));
        bool local = str_starts(str_from(v->openai_url), STR("http://127.0.0.1:"));
        EXPECT(local || str_starts(str_from(v->openai_url), STR("https://")));
        EXPECT(local == (v->key_env == NULL));
        if (!local)
            EXPECT(model_price_at(str_from(v->name), str_from(v->default_model), at(2026, 11, 5, 0, 0)) != NULL);
    }
    EXPECT(vendor_at(vendor_count()) == NULL);
    EXPECT(vendor_find(STR("deepsee")) == NULL && vendor_find(STR_NONE) == NULL);
    EXPECT_STR(str_from(vendor_find(STR("gemini"))->openai_url),
               "https://generativelanguage.googleapis.com/v1beta/openai");
    EXPECT_STR(str_from(regime_name(REGIME_POWER)), "power");
}
