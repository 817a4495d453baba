/* container.c: what is different in a container: nobody is on loopback there, so a server that should be reached listens on all
 * addresses, and everybody shows a key. $HEARTH_KEY is that key; without it one is made (`serve --make-key`, and always when
 * there is no config), kept in the data folder and told in the log once, when it is made. */
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE "container.key"
enum { KEY_RANDOM_BYTES = 32, KEY_BYTES_MAX = 4096 };

static int make_key(struct buf *key, struct err *e)
{
    unsigned char random[KEY_RANDOM_BYTES];
    int rc = random_secret(random, sizeof random);
    if (rc == 0)
        rc = buf_append_text(key, "hearth_");
    for (size_t i = 0; rc == 0 && i < sizeof random; i++)
        rc = buf_append_format(key, "%02x", random[i]);
    explicit_bzero(random, sizeof random);
    return rc ? err_set(e, rc, "making a key: %s", err_text(rc)) : 0;
}

/* Whole or not at all: a file that breaks off would be a weaker key. */
static int write_key(const char *path, struct str key, struct err *e)
{
    AUTO_BUF struct buf new_path = BUF_INIT(8 * KiB);
    if (buf_append_format(&new_path, "%s.new", path) < 0 || !buf_text(&new_path))
        return err_set(e, ERR_NOMEM, "keeping the key");
    (void)unlink(new_path.ptr); /* left by a process that died here */
    int fd = open(new_path.ptr, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool fine = fd >= 0 && write(fd, key.ptr, key.len) == (ssize_t)key.len && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (fine && rename(new_path.ptr, path) == 0)
        return 0;
    return err_set_errno(e, ERR_IO, fine ? errno : why, "keeping the key in %s", path);
}

static int key_in(struct buf *key, const char *path, struct err *e)
{
    if (access(path, F_OK) == 0) {
        int rc = buf_read_file(key, path, e);
        if (rc == 0 && str_trim(buf_str(key)).len < KEY_RANDOM_BYTES)
            rc = err_set(e, ERR_INVALID, "%s holds no key; remove it and a new one is made", path);
        return rc;
    }
    int rc = make_key(key, e);
    if (rc == 0)
        rc = write_key(path, buf_str(key), e);
    if (rc == 0)
        log_line(LOG_WARN, "serve", "no HEARTH_KEY is set, so a key was made, told here this once and kept in %s: %.*s",
                 path, STR_FMT(buf_str(key)));
    return rc;
}

/* The folder and what is missing above it, for its user alone. */
static int make_folder(char *path, struct err *e)
{
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        (void)mkdir(path, 0700); /* what cannot be made is told by the last one */
        *at = '/';
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set_errno(e, ERR_IO, errno, "making the data folder %s", path);
    return 0;
}

int container_key(struct buf *key, struct str data, struct err *e)
{
    AUTO_BUF struct buf path = BUF_INIT(8 * KiB);
    const char *given = getenv("HEARTH_KEY");
    if (given && given[0])
        return buf_append_text(key, given);
    if (buf_append(&path, data) < 0 || !buf_text(&path))
        return err_set(e, ERR_NOMEM, "key");
    int rc = make_folder(path.ptr, e);
    if (rc)
        return rc;
    if (buf_append_text(&path, "/" KEY_FILE) < 0 || !buf_text(&path))
        return err_set(e, ERR_NOMEM, "key");
    return key_in(key, path.ptr, e);
}

void container_say_listen(const struct config *c)
{
    static const char *const own[] = {"127.", "localhost:", "[::1]:"};
    for (int i = 0; i < c->listen_count; i++) {
        bool loopback = false;
        for (size_t k = 0; k < COUNT_OF(own); k++)
            loopback = loopback || str_starts(c->listen[i].text, str_from(own[k]));
        if (!loopback)
            return;
    }
    log_line(LOG_WARN, "serve", "on 127.0.0.1 nobody outside this container reaches it: write `listen: %s` into the config, and under "
                                "`hosts:` the names under which other containers call it", CONTAINER_LISTEN);
}

void container_hosts(struct config *c)
{
    static char own[256];
    const char *names[] = {"hearth",
                           own}; /* the usual name of the service in a compose file, and the container's own */
    if (gethostname(own, sizeof own - 1) != 0)
        own[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i][0] && c->host_count < (int)COUNT_OF(c->hosts))
            c->hosts[c->host_count++] = (struct config_text){.text = str_from(names[i])};
}
