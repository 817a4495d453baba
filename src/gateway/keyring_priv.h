/* keyring_priv.h: what the files of the keyring share. */
#pragma once
#include "gateway/keyring.h"

#define KEYS_FILE "keys.json"

bool key_name_is_fine(struct str s);
bool key_job_is_fine(struct str s);
bool key_tag_is_fine(struct str s);
/* The text of the file; nothing when there is none. */
int keyring_file_read(struct buf *out, struct str data_dir, struct err *e);
