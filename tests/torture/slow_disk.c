/* A slow disk for one process and its children: LD_PRELOAD this, and name the dial's file in SLOW_DISK.

   Every fsync and fdatasync takes a random time more, and so does one write in so many. The dial is shared
   memory, so that a test turns it while the processes run, and sees how often they have waited. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct dial {
    uint32_t low, high; /* milliseconds */
    uint32_t every;     /* one write in so many waits; none where it is 0 */
    uint32_t syncs, writes;
};

static struct dial *dial;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("SLOW_DISK");
    int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *found = mmap(NULL, sizeof *dial, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (found != MAP_FAILED)
        dial = found;
    close(file);
}

/* Threads may draw the same number: it is chance either way. A forked process begins where its parent was,
   so the process counts as well. */
static uint32_t drawn(void) {
    static uint32_t state;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    state ^= (uint32_t)now.tv_nsec ^ (uint32_t)getpid() * 2654435761u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void slow(uint32_t *counted) {
    int kept = errno;
    uint32_t low = dial->low, high = dial->high;
    uint32_t wait = high > low ? low + drawn() % (high - low + 1) : low;
    if (wait > 0) {
        __atomic_add_fetch(counted, 1, __ATOMIC_RELAXED);
        struct timespec left = {wait / 1000, (long)(wait % 1000) * 1000000};
        while (nanosleep(&left, &left) != 0 && errno == EINTR)
            ;
    }
    errno = kept;
}

static void slow_write(void) {
    if (dial != NULL && dial->every != 0 && drawn() % dial->every == 0)
        slow(&dial->writes);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int file) {
    if (dial != NULL)
        slow(&dial->syncs);
    return NEXT(fsync)(file);
}

int fdatasync(int file) {
    if (dial != NULL)
        slow(&dial->syncs);
    return NEXT(fdatasync)(file);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) {
    slow_write();
    return NEXT(pwrite)(file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) {
    slow_write();
    return NEXT(pwrite64)(file, bytes, size, at);
}
