/* Preloaded into a program under test: writes down, in their order, the changes that it makes to files of one folder.
 * Read by write_log.rs, which says what a power cut would have left. A record:
 *   kind (1 byte), length of the path (4), path, place in the file (8), length of the data (8), data
 * Kinds: C created, M folder made, W written, T cut or grown, S synced, R renamed (data: new path),
 * L linked (data: new path), U removed.
 * Paths are relative to the folder. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_length;
static int log_fd = -1;

__attribute__((constructor)) static void begin(void) {
  const char *dir = getenv("WRITE_LOG_FOLDER"), *file = getenv("WRITE_LOG_FILE");
  if (!dir || !file || !realpath(dir, folder)) return;
  folder_length = strlen(folder);
  log_fd = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The path below the folder, or NULL. */
static const char *below(const char *path) {
  if (log_fd < 0 || strncmp(path, folder, folder_length) != 0) return NULL;
  path += folder_length;
  if (*path == '\0') return path;
  return *path == '/' ? path + 1 : NULL;
}

static const char *below_fd(int fd, char *room) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = log_fd < 0 ? -1 : syscall(SYS_readlinkat, AT_FDCWD, link, room, PATH_MAX - 1);
  if (length <= 0) return NULL;
  room[length] = '\0';
  return below(room);
}

static void put(const void *data, size_t length) {
  while (length > 0) {
    ssize_t written = syscall(SYS_write, log_fd, data, length);
    if (written <= 0) abort();
    data = (const char *)data + written;
    length -= written;
  }
}

static void note(char kind, const char *path, uint64_t at, const void *data, uint64_t length) {
  uint32_t path_length = strlen(path);
  put(&kind, 1);
  put(&path_length, 4);
  put(path, path_length);
  put(&at, 8);
  put(&length, 8);
  put(data, data ? length : 0);
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

static int opened(int fd, const char *path, int flags, int existed) {
  const char *name = fd >= 0 ? below(path) : NULL;
  if (name && !existed) note('C', name, 0, NULL, 0);
  else if (name && (flags & O_TRUNC)) note('T', name, 0, NULL, 0);
  return fd;
}

#define OPEN(name)                                                                   \
  int name(const char *path, int flags, ...) {                                       \
    REAL(name);                                                                      \
    va_list rest;                                                                    \
    va_start(rest, flags);                                                           \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;          \
    va_end(rest);                                                                    \
    if (!below(path) || !(flags & (O_CREAT | O_TRUNC))) return real(path, flags, mode); \
    pthread_mutex_lock(&lock);                                                       \
    int existed = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;                 \
    int fd = opened(real(path, flags, mode), path, flags, existed);                  \
    pthread_mutex_unlock(&lock);                                                     \
    return fd;                                                                       \
  }
OPEN(open)
OPEN(open64)

#define PWRITE(name)                                                                 \
  ssize_t name(int fd, const void *data, size_t length, off_t at) {                  \
    REAL(name);                                                                      \
    char room[PATH_MAX];                                                             \
    const char *path = below_fd(fd, room);                                           \
    if (!path) return real(fd, data, length, at);                                    \
    pthread_mutex_lock(&lock);                                                       \
    ssize_t written = real(fd, data, length, at);                                    \
    if (written > 0) note('W', path, at, data, written);                             \
    pthread_mutex_unlock(&lock);                                                     \
    return written;                                                                  \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int fd, const void *data, size_t length) {
  REAL(write);
  char room[PATH_MAX];
  const char *path = below_fd(fd, room);
  if (!path) return real(fd, data, length);
  pthread_mutex_lock(&lock);
  ssize_t written = real(fd, data, length);
  if (written > 0) note('W', path, lseek(fd, 0, SEEK_CUR) - written, data, written);
  pthread_mutex_unlock(&lock);
  return written;
}

#define TRUNCATE(name)                                                               \
  int name(int fd, off_t length) {                                                   \
    REAL(name);                                                                      \
    char room[PATH_MAX];                                                             \
    const char *path = below_fd(fd, room);                                           \
    pthread_mutex_lock(&lock);                                                       \
    int done = real(fd, length);                                                     \
    if (done == 0 && path) note('T', path, length, NULL, 0);                         \
    pthread_mutex_unlock(&lock);                                                     \
    return done;                                                                     \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(name)                                                                   \
  int name(int fd) {                                                                 \
    REAL(name);                                                                      \
    char room[PATH_MAX];                                                             \
    const char *path = below_fd(fd, room);                                           \
    pthread_mutex_lock(&lock);                                                       \
    int done = real(fd);                                                             \
    if (done == 0 && path) note('S', path, 0, NULL, 0);                              \
    pthread_mutex_unlock(&lock);                                                     \
    return done;                                                                     \
  }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
  REAL(unlink);
  const char *name = below(path);
  pthread_mutex_lock(&lock);
  int done = real(path);
  if (done == 0 && name) note('U', name, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return done;
}

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  const char *name = below(path);
  pthread_mutex_lock(&lock);
  int done = real(path, mode);
  if (done == 0 && name) note('M', name, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return done;
}

static int moved(char kind, int done, const char *from, const char *to) {
  const char *old = below(from), *new = below(to);
  if (done == 0 && old && new) note(kind, old, 0, new, strlen(new));
  return done;
}

int rename(const char *from, const char *to) {
  REAL(rename);
  pthread_mutex_lock(&lock);
  int done = moved('R', real(from, to), from, to);
  pthread_mutex_unlock(&lock);
  return done;
}

int link(const char *from, const char *to) {
  REAL(link);
  pthread_mutex_lock(&lock);
  int done = moved('L', real(from, to), from, to);
  pthread_mutex_unlock(&lock);
  return done;
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
  REAL(linkat);
  pthread_mutex_lock(&lock);
  int done = moved('L', real(from_dir, from, to_dir, to, flags), from, to);
  pthread_mutex_unlock(&lock);
  return done;
}

/* Room that is set aside reads as nothing: a file that grew. */
#define ALLOCATE(name)                                                               \
  int name(int fd, off_t at, off_t length) {                                         \
    REAL(name);                                                                      \
    char room[PATH_MAX];                                                             \
    const char *path = below_fd(fd, room);                                           \
    struct stat before;                                                              \
    pthread_mutex_lock(&lock);                                                       \
    int known = fstat(fd, &before);                                                  \
    int done = real(fd, at, length);                                                 \
    if (done == 0 && known == 0 && path && at + length > before.st_size)             \
      note('T', path, at + length, NULL, 0);                                         \
    pthread_mutex_unlock(&lock);                                                     \
    return done;                                                                     \
  }
ALLOCATE(posix_fallocate)
ALLOCATE(posix_fallocate64)
