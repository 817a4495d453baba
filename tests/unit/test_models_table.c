/* test_models_table.c: the generator of the table of models refuses what is wrong in the csv, naming the line. */
#include "unit/test.h"
#include "base/buf.h"
#include "base/err.h"
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEADER                                                                                                    \
    "provider,model_id,aliases,kind,variant,hours,status,successor,valid_from,valid_to,input_usd_mtok,"           \
    "cached_input_usd_mtok,cache_write_usd_mtok,cache_write_1h_usd_mtok,output_usd_mtok,long_over_tokens,"        \
    "long_input_usd_mtok,long_cached_input_usd_mtok,long_output_usd_mtok,unit_usd,unit,context_tokens,max_input_" \
    "tokens,"                                                                                                     \
    "max_output_tokens,modalities_in,tools,json_schema,responses,reasoning,as_of,source,notes\n"
#define TAIL ",,,,,,,,,,text,y,y,,n,2026-10,s,\n" /* from long_over_tokens on */
#define ROW(id, variant, hours, status, from, to, input) \
    "v," id ",,chat," variant "," hours "," status ",," from "," to "," input ",,,,1" TAIL
#define PEAK "mon-fri 09:00-12:00 14:00-18:00 +08:00"

/* Runs the generator over that csv; what it says lands in `said`. Returns its exit status, -1 when it cannot run. */
static int generate(const char *csv, struct buf *said)
{
    char folder[] = "/tmp/models-table-XXXXXX", command[300], path[100], out[100];
    if (!mkdtemp(folder))
        return -1;
    text_format(path, sizeof path, "%s/models.csv", folder);
    text_format(out, sizeof out, "%s/out.inc", folder);
    text_format(command, sizeof command, "tools/models-table %s %s 2>&1", path, out);
    FILE *f = fopen(path, "w");
    bool written = f && fputs(csv, f) >= 0;
    written = f && fclose(f) == 0 && written;
    FILE *run = written ? popen(command, "r") : NULL;
    struct err e = {0};
    int rc = run ? buf_read_fd(said, fileno(run), "the generator", &e) : -1;
    int status = run ? pclose(run) : -1;
    if (access(out, F_OK) == 0) {
        (void)buf_append_text(said, "MADE ");
        (void)buf_read_file(said, out, &e);
    }
    (void)unlink(out); /* there only when it succeeded */
    (void)unlink(path);
    (void)rmdir(folder);
    return rc || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

TEST(a_good_table_becomes_rows_with_exact_amounts)
{
    AUTO_BUF struct buf said = BUF_INIT(MiB);
    EXPECT_I64(generate(HEADER ROW("m", "standard", "", "current", "2026-10", "", "0.003625")
                            ROW("m", "standard", "", "superseded", "", "2026-10", "12")
                                ROW("p", "peak", PEAK, "current", "", "", "0.2")
                                    ROW("p", "offpeak", "otherwise", "current", "", "", "0.1"),
                        &said),
               0);
    static const char *const wanted[] = {
        ".row = 2, .valid_from_ms = 1790812800000, .valid_to_ms = INT64_MAX, .input = 3625000, .cached = MODEL_UNKNOWN",
        ".row = 3, .valid_from_ms = INT64_MIN, .valid_to_ms = 1790812800000, .input = 12000000000",
        "{.weekdays = 62, .utc_offset_min = 480, .span = {{540, 720}, {840, 1080}}}",
        "{.otherwise = true}",
        "{\"v\", \"m\", 0, false},\n    {\"v\", \"m\", 1, false},",
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (str_find(buf_str(&said), str_from(wanted[i])) < 0)
            test_fail(__FILE__, __LINE__, "not found: %s", wanted[i]);
}

TEST(a_bad_table_is_refused_with_the_line)
{
    static const struct {
        const char *csv, *says;
    } bad[] = {
        {"provider,model_id,colour\n", ":1: unknown column \"colour\""},
        {"provider,model_id\n", ":1: column source is there 0 times"},
        {HEADER ROW("m", "standard", "", "current", "", "", "0.15") "v,m\n", ":3: 2 cells instead of 32"},
        {HEADER ROW("m", "standard", "", "current", "", "", "1e3"), ":2: \"1e3\" is not an amount"},
        {HEADER ROW("m", "standard", "", "current", "", "", "0.0000000001"), ":2: \"0.0000000001\" is not an amount"},
        {HEADER ROW("m", "standard", "", "current", "", "", "-1"), ":2: \"-1\" is not an amount"},
        {HEADER ROW("m", "standard", "", "current", "", "", "9999999"), "more than 1000000 dollars"},
        {HEADER ROW("m", "standard", "", "current", "", "", ""), ":2: no price at all"},
        {HEADER ROW("", "standard", "", "current", "", "", "1"), ":2: model_id is empty"},
        {HEADER ROW("a b", "standard", "", "current", "", "", "1"), "\"a b\" is not a model id"},
        {HEADER ROW("m", "turbo", "", "current", "", "", "1"), "variant: \"turbo\" is none of"},
        {HEADER ROW("m", "standard", "", "gone", "", "", "1"), "status: \"gone\" is none of"},
        {HEADER ROW("m", "standard", "", "current", "2026-13", "", "1"), "\"2026-13\" is not a day"},
        {HEADER ROW("m", "standard", "", "current", "26-1-1", "", "1"), "\"26-1-1\" is not YYYY-MM"},
        {HEADER ROW("m", "standard", "", "current", "2026-02", "2026-02-01", "1"), "valid_to is not after valid_from"},
        {HEADER ROW("m", "standard", "", "current", "", "2026-10-02", "1")
             ROW("m", "standard", "", "current", "2026-10-01", "", "2"),
         ":3: the price of m overlaps with line 2"},
        {HEADER "v,m,other,chat,standard,,current,,,,1,,,,1" TAIL ROW("other", "standard", "", "current", "", "", "2"),
         ":3: the price of other overlaps with line 2"},
        {HEADER ROW("m", "standard", "", "current", "", "", "1") ROW("m", "peak", PEAK, "current", "", "", "2")
             ROW("m", "offpeak", "otherwise", "current", "", "", "2"),
         ":3: the price of m overlaps with line 2"},
        {HEADER ROW("m", "peak", PEAK, "current", "", "", "2"), ":2: no offpeak row of m"},
        {HEADER ROW("m", "offpeak", "otherwise", "current", "", "", "2"), ":2: no peak row of m"},
        {HEADER ROW("m", "peak", "mon-fri 9-12 +08:00", "current", "", "", "2"), "\"9\" is not a time"},
        {HEADER ROW("m", "peak", "mon-fri 12:00-09:00 +08:00", "current", "", "", "2"), "is empty or crosses midnight"},
        {HEADER ROW("m", "peak", "mon-fri 09:00-12:00 11:00-13:00 +08:00", "current", "", "", "2"),
         "overlaps the span"},
        {HEADER ROW("m", "peak", "mon-fri 09:00-12:00 8", "current", "", "", "2"), "\"8\" is not an offset"},
        {HEADER ROW("m", "peak", "someday 09:00-12:00 +08:00", "current", "", "", "2"), "\"someday\" is not a day"},
        {HEADER ROW("m", "standard", PEAK, "current", "", "", "2"), "do not go with variant standard"},
        {HEADER "v,m,,chat,standard,,retired,n,,,1,,,,1" TAIL, ":2: successor n is no current model of v"},
        {HEADER "v,m,,chat,standard,,current,n,,,1,,,,1" TAIL, "only a retired model has a successor"},
        {HEADER "v,m,m,chat,standard,,current,,,,1,,,,1" TAIL, "an alias is given twice"},
        {HEADER "v,m,,chat,standard,,current,,,,1,,,,1,100,2,,,,,,,,text,y,y,,n,2026-10,s,\n", "a long tier needs"},
        {HEADER "v,m,,chat,standard,,current,,,,1,,,,1,,,,,,,0,,,text,y,y,,n,2026-10,s,\n",
         "\"0\" is not a positive count"},
        {HEADER "v,m,,chat,standard,,current,,,,1,,,,1,,,,,,,,,,smell,y,y,,n,2026-10,s,\n", "modalities_in"},
        {HEADER "v,m,,chat,standard,,current,,,,1,,,,1,,,,,,,,,,text,y,y,some,n,2026-10,s,\n", "responses: \"some\" is none of: tools_asked, tools, only"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO_BUF struct buf said = BUF_INIT(MiB);
        int status = generate(bad[i].csv, &said);
        if (status != 1 || str_find(buf_str(&said), str_from(bad[i].says)) < 0 ||
            str_find(buf_str(&said), STR("MADE")) >= 0)
            test_fail(__FILE__, __LINE__, "expected \"%s\", status %d: %.*s", bad[i].says, status,
                      STR_FMT(buf_str(&said)));
    }
}
