/* disk.c: whether a folder is on a disk that the books can be kept on.
 *
 * SQLite's write-ahead log is shared memory, and our lock one of the kernel's: over a network neither can be relied on, and
 * books that two machines believe to have alone are lost. So network file systems are refused. What stands behind FUSE is
 * told by the kind of mount only (a merged or NTFS disk is fine, sshfs is not). */
#include "base/buf.h"
#include "ledger/ledger_priv.h"
#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

enum { FUSE_MAGIC = 0x65735546, MOUNTS_BYTES_MAX = 16 << 20 };

static const struct {
    unsigned magic; /* statfs(2) */
    const char *name;
} network[] = {
    {0x6969, "NFS"},       {0x517b, "SMB"},       {0xff534d42, "CIFS"}, {0xfe534d42, "SMB2"}, {0x01021997, "9p"},
    {0x00c36400, "Ceph"},  {0x5346414f, "AFS"},   {0x6b414653, "AFS"},  {0x73757245, "Coda"}, {0x0bd00bd0, "Lustre"},
    {0x47504653, "GPFS"},  {0x7461636f, "OCFS2"}, {0x01161970, "GFS2"}, {0xaad7aaea, "PanFS"},
};

static const char *const network_fuse[] = {
    "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.glusterfs", "fuse.davfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.curlftpfs",
    "fuse.gcsfuse", "fuse.juicefs", "fuse.seaweedfs", "fuse.gvfsd-fuse", "fuse.smbnetfs", "fuse.moosefs", "fuse.mfs",
    "fuse.goofys", "fuse.blobfuse2", "fuse.cvmfs2",
};

const char *disk_is_network(unsigned long type, struct str mount_type)
{
    for (size_t i = 0; i < COUNT_OF(network); i++)
        if ((unsigned)type == network[i].magic)
            return network[i].name;
    for (size_t i = 0; (unsigned)type == FUSE_MAGIC && i < COUNT_OF(network_fuse); i++)
        if (str_eq(mount_type, str_from(network_fuse[i])))
            return network_fuse[i];
    return NULL;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": the third word is the device, after " - " comes the kind;
 * see proc(5). The last line of a device counts: it was mounted on top. */
struct str disk_mount_type(struct str mounts, unsigned major, unsigned minor)
{
    char device[32];
    size_t len = text_format(device, sizeof device, "%u:%u", major, minor);
    struct str line, word, found = STR("");
    while (str_cut(&mounts, '\n', &line)) {
        struct str rest = line;
        ptrdiff_t dash = str_find(line, STR(" - "));
        for (int i = 0; i < 3; i++)
            if (!str_cut(&rest, ' ', &word))
                word = STR("");
        if (dash < 0 || !str_eq(word, str_of(device, len)))
            continue;
        rest = str_skip(line, (size_t)dash + 3);
        if (str_cut(&rest, ' ', &word))
            found = word;
    }
    return found;
}

int disk_check(int dir_fd, const char *dir, struct err *e)
{
    struct statfs fs;
    struct stat st;
    if (fstatfs(dir_fd, &fs) != 0 || fstat(dir_fd, &st) != 0)
        return err_set_errno(e, ERR_IO, errno, "looking at the file system of %s", dir);
    AUTO_BUF struct buf mounts = BUF_INIT(MOUNTS_BYTES_MAX);
    if ((unsigned)fs.f_type == FUSE_MAGIC) /* without /proc it is taken for a local one */
        (void)buf_read_file(&mounts, "/proc/self/mountinfo", NULL);
    const char *name = disk_is_network((unsigned long)fs.f_type,
                                       disk_mount_type(buf_str(&mounts), major(st.st_dev), minor(st.st_dev)));
    if (name)
        return err_set(e, ERR_UNSUPPORTED,
                       "the data folder %s is on a network file system (%s), where the books cannot be kept safely; name a folder"
                       " on a local disk with --data, $HEARTH_DATA, or `data:` in the config", dir, name);
    return 0;
}
