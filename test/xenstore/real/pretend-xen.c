/*
 * Lets Debian's own xenstored and oxenstored run where there is no Xen: preloaded, it answers the few hypervisor calls
 * that they make out of the directory $PRETEND_XEN:
 *
 *   dom-N      there is a domain N (N = 0 always is)
 *   ring-N     the page of domain N's xenstore rings
 *   events     a FIFO: a 32-bit port number written to it is an event on that port; port 1 says that a domain died,
 *              1000 + N is domain N's ring
 *   xsd_kva, xsd_port, socket   stand for /proc/xen/xsd_kva, /proc/xen/xsd_port and oxenstored's fixed socket
 *
 * Only public headers of libxen-dev are used.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

enum { DEATH_PORT = 1, FIRST_RING_PORT = 1000, PAGE_BYTES = 4096 };

/* What all *_open calls give out: nobody looks inside, but some look whether it is null. */
static char any_handle[PAGE_BYTES];
static int events_fd = -1;

/* The path of a file in our directory, in a buffer of the caller's. */
struct place { char path[PATH_MAX]; };

static const char *in_directory(struct place *place, const char *format, ...)
{
    const char *directory = getenv("PRETEND_XEN");
    va_list arguments;
    int used = snprintf(place->path, sizeof place->path, "%s/", directory ? directory : "/nonexistent");

    va_start(arguments, format);
    vsnprintf(place->path + used, sizeof place->path - used, format, arguments);
    va_end(arguments);
    return place->path;
}

/* -- files that the daemons name themselves -- */

static const char *replaced(struct place *place, const char *path)
{
    if (!strcmp(path, "/proc/xen/xsd_port")) return in_directory(place, "xsd_port");
    if (!strcmp(path, "/proc/xen/xsd_kva") || !strcmp(path, "/dev/xen/xenbus")) return in_directory(place, "xsd_kva");
    if (!strcmp(path, "/var/run/xenstored/socket")) return in_directory(place, "socket");
    return path;
}

static int open_replaced(const char *name, const char *path, int flags, mode_t mode)
{
    int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    struct place place;
    return next(replaced(&place, path), flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_replaced("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_replaced("open64", path, flags, mode);
}

int unlink(const char *path)
{
    struct place place;
    return unlinkat(AT_FDCWD, replaced(&place, path), 0);
}

int chmod(const char *path, mode_t mode)
{
    struct place place;
    return fchmodat(AT_FDCWD, replaced(&place, path), mode, 0);
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    int (*next)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct place place;

    if (address->sa_family != AF_UNIX) return next(fd, address, length);
    const char *path = replaced(&place, ((const struct sockaddr_un *)address)->sun_path);
    if (strlen(path) >= sizeof local.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(local.sun_path, path);
    return next(fd, (struct sockaddr *)&local, sizeof local);
}

/* The daemons ask for more descriptors than a container may have. */
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) { (void)resource; (void)limit; return 0; }
int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit) { (void)resource; (void)limit; return 0; }

/* -- domains -- */

static int domain_exists(uint32_t domid)
{
    struct place place;
    return domid == 0 || access(in_directory(&place, "dom-%u", domid), F_OK) == 0;
}

/* The next domain from `domid` on; asked for one alone, only that one. */
static int next_domain(uint32_t *domid, unsigned int wanted)
{
    for (; *domid < DOMID_FIRST_RESERVED; ++*domid) {
        if (domain_exists(*domid)) return 1;
        if (wanted == 1) return 0;
    }
    return 0;
}

xc_interface *xc_interface_open(xentoollog_logger *log, xentoollog_logger *debug, unsigned flags)
{
    (void)log; (void)debug; (void)flags;
    return (xc_interface *)any_handle;
}

int xc_interface_close(xc_interface *xch) { (void)xch; return 0; }

int xc_domain_getinfo(xc_interface *xch, uint32_t domid, unsigned int wanted, xc_dominfo_t *info)
{
    unsigned int found = 0;
    (void)xch;
    for (; found < wanted && next_domain(&domid, wanted); domid++, found++) {
        memset(&info[found], 0, sizeof info[found]);
        info[found].domid = domid;
        info[found].running = 1;
    }
    return found == 0 && wanted == 1 ? -1 : (int)found;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t domid, unsigned int wanted, xc_domaininfo_t *info)
{
    unsigned int found = 0;
    (void)xch;
    for (; found < wanted && next_domain(&domid, wanted); domid++, found++) {
        memset(&info[found], 0, sizeof info[found]);
        info[found].domain = domid;
        info[found].flags = XEN_DOMINF_running;
        info[found].tot_pages = info[found].max_pages = 1 << 16;
        info[found].nr_online_vcpus = 1;
    }
    return (int)found;
}

/* -- the domains' ring pages -- */

static void *ring_page(uint32_t domid)
{
    struct place place;
    if (!domain_exists(domid)) {
        errno = EINVAL;
        return NULL;
    }
    int fd = openat(AT_FDCWD, in_directory(&place, "ring-%u", domid), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return NULL;
    void *page = ftruncate(fd, PAGE_BYTES) ? MAP_FAILED : mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

void *xc_map_foreign_range(xc_interface *xch, uint32_t domid, int size, int protection, unsigned long frame)
{
    (void)xch; (void)size; (void)protection; (void)frame;
    return ring_page(domid);
}

xengnttab_handle *xengnttab_open(xentoollog_logger *log, unsigned flags)
{
    (void)log; (void)flags;
    return (xengnttab_handle *)any_handle;
}

int xengnttab_close(xengnttab_handle *handle) { (void)handle; return 0; }

void *xengnttab_map_grant_ref(xengnttab_handle *handle, uint32_t domid, uint32_t reference, int protection)
{
    (void)handle; (void)reference; (void)protection;
    return ring_page(domid);
}

int xengnttab_unmap(xengnttab_handle *handle, void *page, uint32_t count)
{
    (void)handle; (void)count;
    return munmap(page, PAGE_BYTES);
}

int xengnttab_set_max_grants(xengnttab_handle *handle, uint32_t count) { (void)handle; (void)count; return 0; }

/* -- event channels -- */

xenevtchn_handle *xenevtchn_open(xentoollog_logger *log, unsigned flags)
{
    struct place place;
    (void)log; (void)flags;
    if (mkfifo(in_directory(&place, "events"), 0600) && errno != EEXIST) return NULL;
    events_fd = openat(AT_FDCWD, place.path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return events_fd < 0 ? NULL : (xenevtchn_handle *)any_handle;
}

xenevtchn_handle *xenevtchn_fdopen(xentoollog_logger *log, int fd, unsigned flags)
{
    (void)fd;
    return xenevtchn_open(log, flags);
}

int xenevtchn_close(xenevtchn_handle *handle) { (void)handle; return 0; }
int xenevtchn_fd(xenevtchn_handle *handle) { (void)handle; return events_fd; }

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *handle, unsigned int virq)
{
    (void)handle; (void)virq;
    return DEATH_PORT;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *handle, uint32_t domid, evtchn_port_t remote)
{
    (void)handle; (void)remote;
    return FIRST_RING_PORT + domid;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *handle)
{
    uint32_t port;
    (void)handle;
    return read(events_fd, &port, sizeof port) == sizeof port ? (int)port : -1;
}

int xenevtchn_unbind(xenevtchn_handle *handle, evtchn_port_t port) { (void)handle; (void)port; return 0; }
int xenevtchn_unmask(xenevtchn_handle *handle, evtchn_port_t port) { (void)handle; (void)port; return 0; }
int xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t port) { (void)handle; (void)port; return 0; }
