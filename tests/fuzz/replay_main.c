/* replay_main.c: runs a fuzz target over its corpus, for builds without libFuzzer. Each file is one test: the target
 * asserts what must hold, so a file that breaks it ends the program, and its name was printed before. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return -1;
    struct stat info;
    int rc = fstat(fileno(f), &info);
    /* Exactly as large as the input, so that the address sanitizer sees the first byte read past its end. */
    uint8_t *bytes = rc == 0 ? malloc((size_t)info.st_size + (info.st_size == 0)) : NULL;
    if (bytes && fread(bytes, 1, (size_t)info.st_size, f) == (size_t)info.st_size)
        LLVMFuzzerTestOneInput(bytes, (size_t)info.st_size);
    else
        rc = -1;
    free(bytes);
    (void)fclose(f); /* only read */
    return rc;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER (cannot read %s)\n", argv[0], argc == 2 ? argv[1] : "none");
        return 2;
    }
    int passed = 0, failed = 0;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        char *path;
        if (asprintf(&path, "%s/%s", argv[1], entry->d_name) < 0)
            return 1;
        fprintf(stderr, "%s\n", path);
        if (replay_file(path) == 0)
            passed++;
        else
            failed++;
        free(path);
    }
    closedir(folder);
    printf("%d passed, %d failed\n", passed, failed);
    return failed || passed == 0 ? 1 : 0;
}
