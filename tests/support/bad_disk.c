/* A disk in trouble, for one process: while the file named by STALL exists, every write and sync of a regular file
   waits; while the one named by REFUSE exists, they fail as on a file system that has gone read-only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static int there(const char *name) {
    const char *path = getenv(name);
    return path && access(path, F_OK) == 0;
}

static int refused(int fd) {
    struct stat about;
    if (fd <= 2 || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) return 0;
    while (there("STALL")) usleep(10000);
    if (!there("REFUSE")) return 0;
    errno = EROFS;
    return 1;
}

#define REAL(name) static typeof(&name) real; if (!real) real = (typeof(&name))dlsym(RTLD_NEXT, #name); if (refused(fd)) return -1

ssize_t write(int fd, const void *data, size_t size) { REAL(write); return real(fd, data, size); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { REAL(pwrite64); return real(fd, data, size, at); }
int fsync(int fd) { REAL(fsync); return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return real(fd); }
