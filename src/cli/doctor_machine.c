/* doctor_machine.c: this machine: the data folder (rights, room, the kind of its disk), the journal, the file limit. Only
 * looks; works beside a running daemon. */
#include "base/log.h"
#include "base/mem.h"
#include "cli/doctor_priv.h"
#include "ledger/ledger.h"
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { FILES_MIN = 4096 }; /* two descriptors a call, and room */
static const int64_t room_wanted = INT64_C(1) << 30, room_needed = INT64_C(100) << 20;

static const struct str machine = {"machine", 7};

static void look_at_room(struct doctor *d, const char *path)
{
    struct statvfs v;
    if (statvfs(path, &v) != 0)
        return;
    int64_t room =
        (int64_t)((__int128)v.f_bavail * v.f_frsize > INT64_MAX ? INT64_MAX : (int64_t)(v.f_bavail * v.f_frsize));
    bool full = room<room_wanted, inodes = v.f_files> 0 && v.f_favail < 100;
    if (full || inodes)
        doctor_find(
            d, room < room_needed || inodes ? FINDING_FAIL : FINDING_WARN, machine, "disk",
            "Make room, or move the folder (`data:`): a call that cannot be written to the journal is not made.",
            "%s has %lld MiB free%s", path, (long long)(room >> 20), inodes ? " and no files left" : "");
    else
        doctor_find(d, FINDING_OK, machine, "disk", NULL, "%lld MiB free at %s", (long long)(room >> 20), path);
}

static void look_at_kind(struct doctor *d, const char *path)
{
    enum { NFS = 0x6969, SMB = 0x517b, CIFS = (int)0xff534d42, SMB2 = (int)0xfe534d42 };
    struct statfs s;
    if (statfs(path, &s) != 0)
        return;
    int kind = (int)s.f_type;
    if (kind == NFS || kind == SMB || kind == CIFS || kind == SMB2)
        doctor_find(d, FINDING_FAIL, machine, "disk", "Put the data folder on a disk of this machine (`data:`).",
                    "%s is a network file system: locks and writes of the ledger are not safe there", path);
}

static void look_at_rights(struct doctor *d, const char *path, const struct stat *s)
{
    const char *todo = doctor_format(d, "chmod 700 %s; chown it to the user Hearth runs as.", path).ptr;
    if (!S_ISDIR(s->st_mode))
        doctor_find(d, FINDING_FAIL, machine, "data", "Name a folder with `data:`.", "%s is no folder", path);
    else if (access(path, R_OK | W_OK | X_OK) != 0)
        doctor_find(d, FINDING_FAIL, machine, "data", todo, "%s cannot be written by this user", path);
    else if (s->st_mode & 077)
        doctor_find(d, FINDING_WARN, machine, "data", todo, "others can look into %s (mode %03o)", path,
                    (unsigned)s->st_mode & 0777u);
    else
        doctor_find(d, FINDING_OK, machine, "data", NULL, "%s is there, and only its owner's", path);
}

static void look_at_journal(struct doctor *d, struct str dir)
{
    struct ledger_reader *r;
    struct err e = {0};
    if (ledger_reader_open(&r, dir, &e) < 0) {
        doctor_find(d, FINDING_FAIL, machine, "journal",
                    "Look at the rights of the files in it; if one is damaged, restore the folder from a backup.", "%s",
                    e.text);
        return;
    }
    doctor_find(d, FINDING_OK, machine, "journal", NULL, "journal and ledger can be read");
    ledger_reader_close(r);
}

static void look_at_files(struct doctor *d)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    if (r.rlim_max < FILES_MIN)
        doctor_find(d, FINDING_WARN, machine, "files",
                    "Raise it: LimitNOFILE=65536 in the unit, `ulimits: { nofile: 65536 }` in compose.",
                    "a process may open %llu files; each call takes two", (unsigned long long)r.rlim_max);
    else
        doctor_find(d, FINDING_OK, machine, "files", NULL, "a process may open %llu files",
                    (unsigned long long)r.rlim_max);
}

void doctor_machine(struct doctor *d, struct str data_dir)
{
    struct stat s;
    const char *path = doctor_format(d, "%.*s", STR_FMT(data_dir)).ptr;
    look_at_files(d);
    if (stat(path, &s) != 0) {
        if (errno == ENOENT)
            doctor_find(d, FINDING_INFO, machine, "data", NULL, "%s is not there yet; `serve` makes it", path);
        else
            doctor_find(d, FINDING_FAIL, machine, "data", "Look at the rights of the folders above it.",
                        "%s cannot be looked at", path);
        return;
    }
    look_at_rights(d, path, &s);
    look_at_room(d, path);
    look_at_kind(d, path);
    if (S_ISDIR(s.st_mode) && access(path, R_OK | X_OK) == 0)
        look_at_journal(d, data_dir);
}
