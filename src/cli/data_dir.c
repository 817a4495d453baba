/* data_dir.c: which data folder a command means that looks at it without a daemon. */
#include "base/buf.h"
#include "cli/cli_priv.h"
#include "config/config.h"

int cli_data_dir(struct buf *out, const char *data, const char *config_path, struct err *e)
{
    struct config *c = NULL;
    AUTO_BUF struct buf path = BUF_INIT(8 * KiB), text = BUF_INIT(8 * KiB);
    if (data && !config_path) /* the folder is named: whatever config lies around has no say */
        return config_data_dir(out, data, NULL, e);
    int rc = config_find(&path, config_path, e);
    if (rc == 0)
        rc = buf_text(&path) ? config_load(&c, path.ptr, e) : ERR_NOMEM;
    if (rc && e->line && config_error(&text, buf_str(&path), e) == 0)
        return err_set(e, ERR_INVALID, "%.*s", STR_FMT(buf_str(&text)));
    if (rc == ERR_NOT_FOUND && !config_path)
        rc = 0; /* without a config the default folder is meant */
    if (rc == 0)
        rc = config_data_dir(out, data, c, e);
    config_free(c);
    return rc;
}
