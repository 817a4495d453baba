/* recover.c: what an earlier process left. Every segment is folded, and every call without a close becomes `lost`: it is
 * closed in the store, its open attempts charged at their hold and marked estimated, in the transaction that folds the
 * last of the journal. Only then are segments removed, so a crash at any point repeats work and changes nothing. */
#include "ledger/ledger_priv.h"
#include <errno.h>
#include <unistd.h>

static int fold_everything(struct ledger *l, const struct segment_list *list, int64_t *lost, struct err *e)
{
    struct fold f;
    int rc = fold_begin(&f, l->keeper.db, l->journal_fd, e);
    for (size_t i = 0; rc == 0 && i < list->count; i++) {
        uint64_t offset = 0;
        rc = fold_segment(&f, list->item[i], UINT64_MAX, true, &offset, e);
    }
    if (rc == 0)
        rc = store_open_settle(l->keeper.db, CALL_LOST, str_from(call_outcome_name(CALL_LOST)), lost, e);
    if (rc == 0)
        rc = store_folded_forget_all(l->keeper.db, e);
    if (rc == 0)
        rc = fold_commit(&f, e);
    fold_fini(&f);
    return rc;
}

static int remove_segments(struct ledger *l, const struct segment_list *list, struct err *e)
{
    for (size_t i = 0; i < list->count; i++) {
        char file[SEGMENT_NAME_BYTES];
        segment_name_write(list->item[i], file);
        if (unlinkat(l->journal_fd, file, 0) != 0 && errno != ENOENT)
            return err_set_errno(e, ERR_IO, errno, "removing the folded journal segment %s", file);
    }
    return 0;
}

int ledger_settle_all(struct ledger *l, int64_t *lost, struct err *e)
{
    struct segment_list list = {0};
    int rc = segment_list_read(&list, l->journal_fd, e);
    if (rc == 0 && !l->keeper.db)
        rc = store_open(&l->keeper.db, l->db_path, false, e);
    if (rc == 0)
        rc = fold_everything(l, &list, lost, e);
    if (rc == 0)
        rc = remove_segments(l, &list, e);
    segment_list_fini(&list);
    return rc;
}
