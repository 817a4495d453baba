/* config_check.c: what a text must look like to be a name, a target, a URL, an address or a secret's reference.
 *
 * Each check returns NULL, or the second half of "`key` …". None of them looks anything up. */
#include "base/mem.h"
#include "config/config_priv.h"
#include <arpa/inet.h>
#include <sys/un.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower_or_digit(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

static bool is_name(struct str s)
{
    if (s.len == 0 || s.len > CONFIG_NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool inside = i > 0 && (c == '.' || c == '_' || c == '-');
        if (!is_lower_or_digit(c) && !inside)
            return false;
    }
    return true;
}

/* Visible: no blanks, no control characters, of ASCII or beyond. */
static bool is_visible(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
            return false;
    return s.len > 0;
}

static const char name_rule[] = "must be a name of at most 64 of a-z 0-9 . _ - that begins with a letter or digit";
static const char alias_rule[] =
    "must be a name of at most 128 of A-Z a-z 0-9 . _ - / : @ + * that begins with a letter, digit or *";

/* Wider than our own names: clients ask for `openai/gpt-4o`, `llama3.1:8b` and `Qwen3-32B`, and go on doing so. */
static bool is_alias(struct str s)
{
    if (s.len == 0 || s.len > CONFIG_ALIAS_BYTES_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool upper = c >= 'A' && c <= 'Z', inside = i > 0 && c && strchr("._-/:@+", c);
        if (!is_lower_or_digit(c) && !upper && !inside && c != '*')
            return false;
    }
    return true;
}

const char *config_check_name(struct str s)
{
    return is_name(s) ? NULL : name_rule;
}

const char *config_check_alias_name(struct str s)
{
    return is_alias(s) ? NULL : alias_rule;
}

const char *config_check_target(struct str s)
{
    ptrdiff_t slash = str_find_char(s, '/');
    bool good = slash > 0 && (size_t)slash + 1 < s.len && s.len <= CONFIG_TARGET_BYTES_MAX && is_visible(s) &&
                is_name(str_slice(s, 0, (size_t)slash));
    return good ? NULL : "must be a target such as deepseek/deepseek-flash: upstream, slash, model";
}

const char *config_check_alias_to(struct str s)
{
    bool good = str_find_char(s, '/') < 0 ? is_name(s) : !config_check_target(s);
    return good ? NULL : "must be the name of a job, or a target (upstream/model)";
}

const char *config_check_model(struct str s)
{
    bool good = is_visible(s) && s.len <= CONFIG_TARGET_BYTES_MAX - CONFIG_NAME_BYTES_MAX - 1;
    return good ? NULL : "must be model names without blanks";
}

const char *config_check_tag(struct str s)
{
    bool good = is_visible(s) && s.len <= CONFIG_NAME_BYTES_MAX && str_find_char(s, ',') < 0;
    return good ? NULL : "must be tags without commas or blanks, at most 64 bytes each";
}

const char *config_check_default_key(struct str s)
{
    static const char *const ours[] = {"model", "messages", "stream", "prompt", "input"};
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        if (str_eq(s, str_from(ours[i])))
            return "is the client's or the job's own to set; it cannot have a default";
    return is_visible(s) && s.len <= CONFIG_NAME_BYTES_MAX ? NULL : "must be the name of a request member";
}

/* --- addresses ----------------------------------------------------------------------------------- */

static bool is_address(int family, struct str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr room; /* large enough for both */
    if (s.len == 0 || s.len >= sizeof text)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return inet_pton(family, text, &room) == 1;
}

static bool is_number_to(struct str s, uint64_t min, uint64_t max)
{
    uint64_t n;
    return s.len <= 5 && str_to_u64(s, &n) && n >= min && n <= max;
}

/* 127.1, 134744072, 0x08080808, 10.0.0.300: some resolvers make an address of them, and not all the same one. */
static bool looks_numeric(struct str s)
{
    if (s.len && s.ptr[s.len - 1] == '.')
        s.len--;
    for (ptrdiff_t dot; (dot = str_find_char(s, '.')) >= 0;)
        s = str_skip(s, (size_t)dot + 1);
    bool coded = s.len > 1 && s.ptr[0] == '0' && (s.ptr[1] == 'x' || s.ptr[1] == 'X'), numeric = s.len > 0;
    for (size_t i = coded ? 2 : 0; i < s.len; i++)
        numeric = numeric && (is_digit(s.ptr[i]) || (coded && (s.ptr[i] | 0x20) >= 'a' && (s.ptr[i] | 0x20) <= 'f'));
    return numeric;
}

static bool is_host_name(struct str s)
{
    if (looks_numeric(s) && !is_address(AF_INET, s))
        return false;
    if (s.len == 0 || s.len > 253 || s.ptr[0] == '-' || s.ptr[0] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_lower_or_digit(s.ptr[i]) && !(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') && !strchr(".-_", s.ptr[i]))
            return false;
    return true;
}

/* "host", "host:port", "[v6]:port" into its parts; *port.ptr is NULL when there is none. */
static bool split_host_port(struct str s, struct str *host, bool *v6, struct str *port)
{
    *port = STR_NONE;
    *v6 = s.len && s.ptr[0] == '[';
    ptrdiff_t end = *v6 ? str_find_char(s, ']') : str_find_char(s, ':');
    if (*v6 && end < 0)
        return false;
    *host = *v6 ? str_slice(s, 1, (size_t)end) : end < 0 ? s : str_slice(s, 0, (size_t)end);
    struct str rest = end < 0 ? STR_NONE : str_skip(s, (size_t)end + (*v6 ? 1 : 0));
    if (rest.len == 0)
        return true;
    if (rest.ptr[0] != ':')
        return false;
    *port = str_skip(rest, 1);
    return port->len > 0;
}

static bool is_host_port(struct str s, bool port_needed, uint64_t port_min)
{
    struct str host, port;
    bool v6;
    if (!split_host_port(s, &host, &v6, &port) || (port_needed && !port.ptr))
        return false;
    return (v6 ? is_address(AF_INET6, host) : is_host_name(host)) && (!port.ptr || is_number_to(port, port_min, 65535));
}

static bool is_unix_path(struct str s)
{
    return s.len > 1 && s.ptr[0] == '/' && s.len < sizeof((struct sockaddr_un *)0)->sun_path;
}

const char *config_check_listen(struct str s)
{
    bool good = str_starts(s, STR("unix:")) ? is_unix_path(str_skip(s, 5))
                : s.len && s.ptr[0] == ':'  ? is_number_to(str_skip(s, 1), 0, 65535) /* all addresses */
                                            : is_host_port(s, true, 0);
    return good ? NULL : "must be an address such as 127.0.0.1:4242, [::1]:4242, :4242 (all) or unix:/run/hearth.sock";
}

const char *config_check_resolver(struct str s)
{
    struct str host, port;
    bool v6;
    bool good = split_host_port(s, &host, &v6, &port) && (!port.ptr || is_number_to(port, 1, 65535)) &&
                is_address(v6 ? AF_INET6 : AF_INET, host);
    return good ? NULL : "must be the address of a DNS server such as 127.0.0.1:53 or [::1]:53";
}

const char *config_check_host(struct str s)
{
    struct str host, port;
    bool v6;
    bool good =
        split_host_port(s, &host, &v6, &port) && !port.ptr && (v6 ? is_address(AF_INET6, host) : is_host_name(host));
    return good ? NULL : "must be host names such as hearth.lan, without scheme or port";
}

/* --- URLs ---------------------------------------------------------------------------------------- */

/* Takes "http://" or "https://" off the front. */
static bool skip_scheme(struct str *s)
{
    size_t n = str_starts(*s, STR("http://")) ? 7 : str_starts(*s, STR("https://")) ? 8 : 0;
    *s = str_skip(*s, n);
    return n > 0;
}

const char *config_check_origin(struct str s)
{
    bool good = skip_scheme(&s) && is_host_port(s, false, 1);
    return good ? NULL : "must be origins such as https://chat.example.org, without a path";
}

const char *config_check_http_url(struct str s)
{
    bool scheme = skip_scheme(&s);
    size_t end = 0;
    while (end < s.len && !strchr("/?#", s.ptr[end]))
        end++;
    struct str host = str_slice(s, 0, end);
    if (scheme && str_find_char(host, '@') >= 0)
        return "must hold no user or password; secrets belong in `key`";
    bool good = scheme && is_visible(s) && is_host_port(host, false, 1) && str_find_char(s, '#') < 0;
    for (size_t i = 0; i < s.len; i++)
        good = good && (unsigned char)s.ptr[i] < 0x80;
    ptrdiff_t port = str_find_char(host, ':');
    if (good && host.ptr[0] != '[' && str_ends(port < 0 ? host : str_slice(host, 0, (size_t)port), STR(".")))
        return "must name its host without a dot at the end";
    return good ? NULL : "must be a URL such as https://api.example.org/v1";
}

const char *config_check_upstream_url(struct str s)
{
    if (str_starts(s, STR("unix:")))
        return is_unix_path(str_skip(s, 5)) ? NULL : "must be a whole path such as unix:/run/model.sock";
    if (str_find_char(s, '?') >= 0)
        return "must hold no query; paths are appended to it";
    return config_check_http_url(s);
}

/* --- secrets ------------------------------------------------------------------------------------- */

static bool is_variable(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && is_digit(c)))
            return false;
    }
    return s.len > 0 && s.len <= CONFIG_TARGET_BYTES_MAX;
}

const char *config_check_reserve(struct str s)
{
    int64_t ppm = config_reserve_ppm(s);
    return ppm >= 0 && ppm < 1000000 ? NULL : "must be a part of the window such as 20% or `20% for interactive`, below 100%";
}

const char *config_check_secret(struct str s)
{
    bool good = str_eq(s, STR("passthrough")) || (str_starts(s, STR("env:")) && is_variable(str_skip(s, 4))) ||
                (str_starts(s, STR("file:")) && s.len > 5);
    return good ? NULL : "must be env:NAME, file:PATH or passthrough; a key itself does not belong in this file";
}
