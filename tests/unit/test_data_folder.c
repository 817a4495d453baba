/* test_data_folder.c: the books are kept on local disks only. */
#include "ledger_kit.h"
#include "test.h"
#include <sys/syscall.h>
#include <sys/vfs.h>

/* Ours stands before the C library's, and tells of the file system that a test wants; 0: as it is. */
static unsigned injected_type;
static int injected_errno;
int fstatfs(int fd, struct statfs *out)
{
    if (injected_errno) {
        errno = injected_errno;
        return -1;
    }
    int rc = (int)syscall(SYS_fstatfs, fd, out);
    if (rc == 0 && injected_type)
        out->f_type = (int)injected_type;
    return rc;
}

static int try_open(const char *path, struct err *e)
{
    struct ledger_options opt = {.dir = str_from(path), .clock = clock_system()};
    struct ledger *l = NULL;
    int rc = ledger_open(&l, &opt, e);
    if (rc == 0)
        ledger_close(l);
    return rc;
}

TEST(a_network_file_system_is_refused_with_the_folder_and_the_way_out)
{
    static const struct { unsigned magic; const char *name; } rows[] = {
        {0x6969, "NFS"}, {0xff534d42, "CIFS"}, {0xfe534d42, "SMB2"}, {0x517b, "SMB"}, {0x01021997, "9p"},
        {0x00c36400, "Ceph"}, {0x0bd00bd0, "Lustre"},
    };
    struct kit_dir dir = kit_dir_make();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err e = {0};
        injected_type = rows[i].magic;
        EXPECT_I64(try_open(dir.path, &e), ERR_UNSUPPORTED);
        EXPECT(str_find(str_from(e.text), str_from(rows[i].name)) >= 0);
        EXPECT(str_find(str_from(e.text), str_from(dir.path)) >= 0);
        EXPECT(str_find(str_from(e.text), STR("--data")) >= 0);
        EXPECT(!kit_exists(dir.path, "lock") && !kit_exists(dir.path, "journal")); /* nothing was begun there */
    }
    injected_type = 0;
    kit_remove(dir.path);
}

TEST(local_file_systems_are_taken)
{
    static const unsigned rows[] = {0xef53 /* ext4 */, 0x58465342 /* xfs */, 0x9123683e /* btrfs */, 0x01021994 /* tmpfs */,
                                    0x794c7630 /* overlay */, 0x2fc12fc1 /* zfs */, 0xf2f52010 /* f2fs */,
                                    0x65735546 /* FUSE, of no kind that is known to be remote */};
    struct kit_dir dir = kit_dir_make();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        injected_type = rows[i];
        EXPECT_I64(try_open(dir.path, NULL), 0);
    }
    injected_type = 0;
    kit_remove(dir.path);
}

TEST(a_file_system_that_cannot_be_asked_is_an_error_of_its_own)
{
    struct kit_dir dir = kit_dir_make();
    struct err e = {0};
    injected_errno = EIO;
    EXPECT_I64(try_open(dir.path, &e), ERR_IO);
    EXPECT(str_find(str_from(e.text), STR("file system")) >= 0);
    injected_errno = 0;
    kit_remove(dir.path);
}

TEST(what_stands_behind_fuse_is_told_by_its_mount)
{
    static const char mounts[] = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                                 "40 22 0:44 / /mnt/a rw,nosuid - fuse.sshfs me@there:/ rw\n"
                                 "41 22 0:45 / /mnt/b\\040c rw - fuse.mergerfs 1:2 rw\n"
                                 "42 22 0:46 / /mnt/d rw - fuseblk /dev/sdb1 rw\n"
                                 "43 22 0:47\n\n44 - \n";
    static const struct { unsigned minor; const char *type, *refused; } rows[] = {
        {44, "fuse.sshfs", "fuse.sshfs"}, {45, "fuse.mergerfs", NULL}, {46, "fuseblk", NULL}, {47, "", NULL}, {99, "", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str type = disk_mount_type(str_from(mounts), 0, rows[i].minor);
        EXPECT_STR(type, rows[i].type);
        const char *refused = disk_is_network(0x65735546, type);
        EXPECT(rows[i].refused ? refused && strcmp(refused, rows[i].refused) == 0 : !refused);
    }
}
