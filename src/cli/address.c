/* address.c: from an address under `listen:` to the URL under which this machine reaches it. */
#include "cli/cli_priv.h"

int cli_base_url(struct buf *url, struct buf *unix_path, struct str address)
{
    buf_clear(url);
    buf_clear(unix_path);
    if (str_starts(address, STR("unix:"))) {
        int rc = buf_append(unix_path, str_skip(address, 5));
        return rc ? rc : buf_append_text(url, "http://localhost");
    }
    if (str_starts(address, STR(":")) ||
        str_starts(address, STR("0.0.0.0:"))) /* all addresses: loopback is one of them */
        return buf_append_format(url, "http://127.0.0.1%.*s",
                                 STR_FMT(str_skip(address, (size_t)str_find_char(address, ':'))));
    if (str_starts(address, STR("[::]:")))
        return buf_append_format(url, "http://[::1]%.*s", STR_FMT(str_skip(address, 4)));
    return buf_append_format(url, "http://%.*s", STR_FMT(address));
}
