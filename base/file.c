/* Reading, mapping and atomic writing: see file.h. */
#include "base/file.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static rrk_status open_regular(const char *path, int *fd, size_t *len, rrk_error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return base_fail_errno(err, errno, "open", path);
    struct stat st;
    if (fstat(*fd, &st) != 0)
        return base_fail_errno(err, errno, "stat", path);
    if (!S_ISREG(st.st_mode))
        return base_fail(err, RRK_E_INVALID, 0, "'%s' is not a regular file", path);
    *len = (size_t)st.st_size;
    return RRK_OK;
}

rrk_status base_file_read(const char *path, size_t max_bytes, char **data, size_t *len, rrk_error *err)
{
    int fd RRK_AUTO(close_fd) = -1;
    size_t size = 0;
    RRK_TRY(open_regular(path, &fd, &size, err));
    if (size > max_bytes)
        return base_fail(err, RRK_E_INVALID, 0, "'%s' has %zu bytes, more than the limit of %zu", path, size,
                         max_bytes);
    char *buf RRK_AUTO(base_free_ptr) = base_alloc(size + 1, 1);
    if (!buf)
        return base_fail_nomem(err, size + 1);
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, buf + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return base_fail_errno(err, errno, "read", path);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    buf[done] = '\0';
    *len = done;
    *data = RRK_STEAL(buf);
    return RRK_OK;
}

rrk_status base_file_map(const char *path, base_mapping *out, rrk_error *err)
{
    *out = (base_mapping){0};
    int fd RRK_AUTO(close_fd) = -1;
    size_t size = 0;
    RRK_TRY(open_regular(path, &fd, &size, err));
    if (size == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' is empty", path);
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return base_fail_errno(err, errno, "map", path);
    *out = (base_mapping){data, size};
    return RRK_OK;
}

void base_file_unmap(base_mapping *mapping)
{
    if (mapping->data)
        munmap((void *)(uintptr_t)mapping->data, mapping->len);
    *mapping = (base_mapping){0};
}

/*
 * mkostemp() would make it 0600, and what a new file's mode is could only be asked by setting the mask of the whole
 * process. A name that is taken is nobody's loss: the next one is tried.
 */
static int create_unique(char *path, size_t size, const char *target)
{
    enum { MAX_TRIES = 100 };
    uint64_t seed = (uint64_t)base_now_ns() ^ (uint64_t)getpid() << 32;
    int fd = -1;
    errno = EEXIST;
    for (uint64_t i = 0; i < MAX_TRIES && fd < 0 && errno == EEXIST; i++) {
        snprintf(path, size, "%s.%08x", target, (unsigned)(base_rng_at(seed, i) >> 32));
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    return fd;
}

/* A file beside the target, with the mode that a new file has. */
static rrk_status open_temporary(base_output *out, rrk_error *err)
{
    size_t size = strlen(out->path) + sizeof ".12345678";
    out->temporary = base_alloc(size, 1);
    if (!out->temporary)
        return base_fail_nomem(err, size);
    int fd = create_unique(out->temporary, size, out->path);
    if (fd < 0) {
        int cause = errno;
        base_free(RRK_STEAL(out->temporary));
        return base_fail_errno(err, cause, "create", out->path);
    }
    out->stream = fdopen(fd, "w");
    if (out->stream)
        return RRK_OK;
    close(fd);
    return base_fail_nomem(err, sizeof(FILE));
}

/* A device or a pipe is written to as it is: to rename a file over it would take it away from everybody. */
static rrk_status open_in_place(base_output *out, rrk_error *err)
{
    out->stream = fopen(out->path, "we");
    return out->stream ? RRK_OK : base_fail_errno(err, errno, "open", out->path);
}

static rrk_status open_output(base_output *out, const char *path, rrk_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    struct stat st;
    out->path = base_strdup(standard ? "standard output" : path);
    if (!out->path)
        return base_fail_nomem(err, strlen(path));
    if (standard) {
        out->stream = stdout;
        return RRK_OK;
    }
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return open_temporary(out, err);
    return S_ISDIR(st.st_mode) ? base_fail_errno(err, EISDIR, "write", path) : open_in_place(out, err);
}

rrk_status base_output_open(base_output *out, const char *path, rrk_error *err)
{
    *out = (base_output){0};
    rrk_status status = open_output(out, path, err);
    if (status != RRK_OK)
        base_output_abort(out);
    return status;
}

static rrk_status finish_temporary(base_output *out, rrk_error *err)
{
    bool bad = fflush(out->stream) != 0 || fsync(fileno(out->stream)) != 0;
    int cause = errno;
    if (fclose(RRK_STEAL(out->stream)) != 0 && !bad) {
        bad = true;
        cause = errno;
    }
    if (bad)
        return base_fail_errno(err, cause, "write", out->path);
    if (rename(out->temporary, out->path) != 0)
        return base_fail_errno(err, errno, "rename to", out->path);
    base_free(RRK_STEAL(out->temporary));
    return RRK_OK;
}

static rrk_status finish_in_place(base_output *out, rrk_error *err)
{
    FILE *stream = out->stream;
    bool standard = stream == stdout;
    if (!standard)
        out->stream = NULL;
    if ((standard ? fflush(stream) : fclose(stream)) != 0)
        return base_fail_errno(err, errno, "write", out->path);
    return RRK_OK;
}

rrk_status base_output_commit(base_output *out, rrk_error *err)
{
    rrk_status status = RRK_OK;
    errno = 0;
    if (ferror(out->stream))
        status = base_fail_errno(err, EIO, "write", out->path);
    else
        status = out->temporary ? finish_temporary(out, err) : finish_in_place(out, err);
    base_output_abort(out);
    return status;
}

void base_output_abort(base_output *out)
{
    if (out->stream && out->stream != stdout)
        fclose(out->stream);
    if (out->temporary)
        unlink(out->temporary);
    base_free(out->temporary);
    base_free(out->path);
    *out = (base_output){0};
}
