/* test_docs.c: what is written down about the program is what the program says. */
#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"
#include "gateway/gateway.h"
#include "mesh/mesh_priv.h"
#include "test.h"
#include "wire/codec.h"
#include "wire/wire.h"

static void read_page(struct buf *out, const char *path)
{
    struct err e = {0};
    if (buf_read_file(out, path, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
}

TEST(the_reference_of_options_is_what_the_option_table_says)
{
    AUTO_BUF struct buf page = BUF_INIT(1 * MiB), table = BUF_INIT(1 * MiB);
    read_page(&page, "docs/reference/config.md");
    EXPECT_I64(config_reference(&table), 0);
    if (!str_eq(buf_str(&page), buf_str(&table)))
        test_fail(__FILE__, __LINE__, "docs/reference/config.md is behind: build/hearth config reference > docs/reference/config.md");
}

TEST(the_reference_of_metrics_is_what_the_table_says)
{
    AUTO_BUF struct buf page = BUF_INIT(1 * MiB), table = BUF_INIT(1 * MiB);
    read_page(&page, "docs/reference/metrics.md");
    EXPECT_I64(metrics_reference(&table), 0);
    if (!str_eq(buf_str(&page), buf_str(&table)))
        test_fail(__FILE__, __LINE__, "docs/reference/metrics.md is behind: build/hearth help --metrics > docs/reference/metrics.md");
}

TEST(the_reference_of_translation_is_what_the_tables_say)
{
    AUTO_BUF struct buf page = BUF_INIT(1 * MiB), table = BUF_INIT(1 * MiB);
    read_page(&page, "docs/reference/translation.md");
    EXPECT_I64(codec_reference(&table), 0);
    if (!str_eq(buf_str(&page), buf_str(&table)))
        test_fail(__FILE__, __LINE__, "docs/reference/translation.md is behind: build/hearth help --translation > docs/reference/translation.md");
}

TEST(the_reference_of_failures_has_every_row_of_the_table)
{
    AUTO_BUF struct buf page = BUF_INIT(1 * MiB);
    read_page(&page, "docs/reference/failures.md");
    for (int r = 0; r < REASON_COUNT; r++) {
        const struct reason_row *row = reason_row(r);
        AUTO_BUF struct buf line = BUF_INIT(1 * KiB);
        EXPECT(buf_append_format(&line, "| `%s` | %s | %d |", row->name, row->text, row->http) == 0);
        if (str_find(buf_str(&page), buf_str(&line)) < 0)
            test_fail(__FILE__, __LINE__, "docs/reference/failures.md lacks: %.*s", STR_FMT(buf_str(&line)));
    }
}

TEST(the_reference_of_vendors_is_what_the_table_says)
{
    AUTO_BUF struct buf page = BUF_INIT(1 * MiB), table = BUF_INIT(1 * MiB);
    read_page(&page, "docs/reference/vendors.md");
    EXPECT_I64(vendor_reference(&table), 0);
    if (!str_eq(buf_str(&page), buf_str(&table)))
        test_fail(__FILE__, __LINE__, "docs/reference/vendors.md is behind: build/hearth help --vendors > docs/reference/vendors.md");
}
