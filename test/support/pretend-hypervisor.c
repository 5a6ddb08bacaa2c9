/*
 * A hypervisor for one toolstack process, preloaded: it answers opens of /dev/xen/… and the calls on them out of a table of
 * domains, so that stock xl and ours create and destroy PVH guests where there is no Xen, and do the same work for it. The
 * table lies in the directory $PRETEND_XEN, so that `xl destroy` finds what `xl create` made, and xenstored hears of it: the
 * directory is shared with test/xenstore/real/pretend-xen.c, which that daemon has preloaded.
 *
 *   domains    how many hypercalls there were, 64 bits, and the table
 *   dom-N      there is a domain N
 *   events     written to when a domain dies
 *   version-*  what /sys/hypervisor/version says
 *
 * Where $PRETEND_ERRNO is a number, its devices cannot be opened, for that reason.
 *
 * Only public headers of libxen-dev are used. Nothing is checked: what a call does not change, it accepts.
 */
#define _GNU_SOURCE
#define __XEN_TOOLS__ 1
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/hvm/save.h>
#include <xen/memory.h>
#include <xen/version.h>
#include <xen/sys/privcmd.h>

enum { MOST_DOMAINS = 64, CPUS = 4, FIRST_PORT = 10, MOST_FDS = 4096, PAGE_BYTES = 4096, DEATH_PORT = 1, LEAVES = 110 };

struct domain {
    uint32_t used, flags, vcpus, next_port;
    uint64_t max_kib, pages, params[HVM_NR_PARAMS];
    xen_domain_handle_t handle;
};

/* What lies in the file. */
struct world {
    uint64_t hypercalls;
    struct domain domains[MOST_DOMAINS];
};

static char is_ours[MOST_FDS];
static int memory_fd = -1;

static void in_directory(char path[PATH_MAX], const char *format, ...)
{
    const char *directory = getenv("PRETEND_XEN");
    int used = snprintf(path, PATH_MAX, "%s/", directory ? directory : "/nonexistent");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path + used, PATH_MAX - used, format, arguments);
    va_end(arguments);
}

static struct world *world(void)
{
    static struct world *there;
    char path[PATH_MAX];

    if (there) return there;
    in_directory(path, "domains");
    int fd = openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *there)) abort();
    there = mmap(NULL, sizeof *there, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (there == MAP_FAILED) abort();
    close(fd);
    if (!there->domains[0].used) {
        there->domains[0] = (struct domain){ .used = 1, .vcpus = CPUS, .pages = 1 << 20, .max_kib = 1 << 22 };
    }
    return there;
}

static struct domain *domains(void) { return world()->domains; }

/* -- files -- */

static int fail(int error)
{
    errno = error;
    return -1;
}

static int open_as(const char *name, const char *path, int flags, mode_t mode)
{
    static const char version[] = "/sys/hypervisor/version/";
    int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    char instead[PATH_MAX];

    if (!strncmp(path, version, sizeof version - 1)) {
        in_directory(instead, "version-%s", path + sizeof version - 1);
        return next(instead, flags, mode);
    }
    if (strncmp(path, "/dev/xen/", 9)) return next(path, flags, mode);
    const char *refusal = getenv("PRETEND_ERRNO");
    if (refusal) return fail(atoi(refusal));
    /* Mapped, it gives zeroed memory: what a hypercall's buffer is. */
    int fd = next("/dev/zero", O_RDWR | O_CLOEXEC);
    if (fd >= 0 && fd < MOST_FDS) is_ours[fd] = 1;
    return fd;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                                                 \
        va_end(arguments);                                                                                             \
        return open_as(#name, path, flags, mode);                                                                      \
    }
OPEN(open)
OPEN(open64)

int close(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "close");
    if (fd >= 0 && fd < MOST_FDS) is_ours[fd] = 0;
    return next(fd);
}

/* -- hypercalls -- */

static void describe(xen_domctl_getdomaininfo_t *info, domid_t domid)
{
    const struct domain *domain = &domains()[domid];

    *info = (xen_domctl_getdomaininfo_t){
        .domain = domid,
        .flags = domid == 0                                  ? XEN_DOMINF_running
                 : domain->flags & XEN_DOMCTL_CDF_hvm ? XEN_DOMINF_paused | XEN_DOMINF_hvm_guest
                                                             : XEN_DOMINF_paused,
        .tot_pages = domain->pages,
        .max_pages = domain->max_kib / 4,
        .shared_info_frame = 0x77,
        .nr_online_vcpus = domain->vcpus,
        .max_vcpu_id = domain->vcpus ? domain->vcpus - 1 : 0,
    };
    memcpy(info->handle, domain->handle, sizeof info->handle);
}

static int create(struct xen_domctl *call)
{
    struct domain *table = domains();
    domid_t domid = 1;
    char path[PATH_MAX];

    while (domid < MOST_DOMAINS && table[domid].used) domid++;
    if (domid == MOST_DOMAINS) return fail(ENOMEM);
    table[domid] = (struct domain){
        .used = 1,
        .flags = call->u.createdomain.flags,
        .vcpus = call->u.createdomain.max_vcpus,
        .next_port = FIRST_PORT,
    };
    memcpy(table[domid].handle, call->u.createdomain.handle, sizeof table[domid].handle);
    in_directory(path, "dom-%u", domid);
    close(openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    call->domain = domid;
    return 0;
}

static int destroy(domid_t domid)
{
    uint32_t death = DEATH_PORT;
    char path[PATH_MAX];

    domains()[domid].used = 0;
    in_directory(path, "dom-%u", domid);
    unlink(path);
    in_directory(path, "ring-%u", domid);
    unlink(path);
    in_directory(path, "events");
    int fd = openat(AT_FDCWD, path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && write(fd, &death, sizeof death) < 0) perror("events");
    close(fd);
    return 0;
}

/* The records HEADER, MTRR and END; whoever builds a guest changes what it knows and puts them back. */
static int give_context(struct xen_domctl *call)
{
    enum { BYTES = 8192 };
    char *at = (char *)call->u.hvmcontext.buffer.p;

    call->u.hvmcontext.size = BYTES;
    if (!at) return 0;
    memset(at, 0, BYTES);
    struct hvm_save_descriptor header = { .typecode = HVM_SAVE_CODE(HEADER), .length = HVM_SAVE_LENGTH(HEADER) };
    memcpy(at, &header, sizeof header);
    at += sizeof header + header.length;
    struct hvm_save_descriptor mtrr = { .typecode = HVM_SAVE_CODE(MTRR), .length = HVM_SAVE_LENGTH(MTRR) };
    memcpy(at, &mtrr, sizeof mtrr);
    return 0;
}

static void give_leaves(xen_cpuid_leaf_t *leaves, uint32_t count)
{
    for (uint32_t i = 0; leaves && i < count; i++) leaves[i] = (xen_cpuid_leaf_t){ .subleaf = XEN_CPUID_NO_SUBLEAF, .a = 0xd };
}

static int domctl(struct xen_domctl *call)
{
    struct domain *table = domains();
    domid_t domid = call->domain;

    if (call->cmd == XEN_DOMCTL_createdomain) return create(call);
    if (domid >= MOST_DOMAINS) return fail(ESRCH);
    if (call->cmd == XEN_DOMCTL_getdomaininfo) {
        while (domid < MOST_DOMAINS && !table[domid].used) domid++;
        if (domid == MOST_DOMAINS) return fail(ESRCH);
        call->domain = domid;
        describe(&call->u.getdomaininfo, domid);
        return 0;
    }
    if (!table[domid].used) return fail(ESRCH);
    switch (call->cmd) {
    case XEN_DOMCTL_destroydomain: return destroy(domid);
    case XEN_DOMCTL_max_mem: table[domid].max_kib = call->u.max_mem.max_memkb; return 0;
    case XEN_DOMCTL_get_address_size: call->u.address_size.size = 64; return 0;
    case XEN_DOMCTL_gethvmcontext: return give_context(call);
    case XEN_DOMCTL_get_cpu_policy:
        give_leaves(call->u.cpu_policy.leaves.p, call->u.cpu_policy.nr_leaves);
        call->u.cpu_policy.nr_msrs = 0;
        return 0;
    default: return 0;
    }
}

static int list_domains(struct xen_sysctl_getdomaininfolist *list)
{
    uint32_t found = 0;
    for (domid_t domid = list->first_domain; domid < MOST_DOMAINS && found < list->max_domains; domid++) {
        if (domains()[domid].used) describe(&list->buffer.p[found++], domid);
    }
    list->num_domains = found;
    return 0;
}

static int sysctl(struct xen_sysctl *call)
{
    switch (call->cmd) {
    case XEN_SYSCTL_physinfo:
        call->u.physinfo = (struct xen_sysctl_physinfo){
            .threads_per_core = 1, .cores_per_socket = CPUS, .nr_cpus = CPUS, .max_cpu_id = CPUS - 1, .nr_nodes = 1,
            .cpu_khz = 2000000, .total_pages = 1 << 22, .free_pages = 1 << 21, .max_mfn = 1 << 22,
            .capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_hap,
        };
        return 0;
    case XEN_SYSCTL_getdomaininfolist: return list_domains(&call->u.getdomaininfolist);
    case XEN_SYSCTL_cputopoinfo:
        for (uint32_t cpu = 0; call->u.cputopoinfo.cputopo.p && cpu < CPUS && cpu < call->u.cputopoinfo.num_cpus; cpu++) {
            call->u.cputopoinfo.cputopo.p[cpu] = (struct xen_sysctl_cputopo){ .core = cpu };
        }
        call->u.cputopoinfo.num_cpus = CPUS;
        return 0;
    case XEN_SYSCTL_numainfo: call->u.numainfo.num_nodes = 1; return 0;
    case XEN_SYSCTL_cpupool_op: call->u.cpupool_op.cpupool_id = 0; call->u.cpupool_op.sched_id = 6; return 0;
    case XEN_SYSCTL_get_cpu_policy:
        if (!call->u.cpu_policy.leaves.p) call->u.cpu_policy.nr_leaves = LEAVES;
        give_leaves(call->u.cpu_policy.leaves.p, call->u.cpu_policy.nr_leaves);
        call->u.cpu_policy.nr_msrs = call->u.cpu_policy.msrs.p ? 0 : 2;
        return 0;
    default: return 0;
    }
}

static long memory_op(unsigned int command, void *argument)
{
    if (command == XENMEM_maximum_gpfn) return 0x100000;
    if (command != XENMEM_populate_physmap) return 0;
    const struct xen_memory_reservation *request = argument;
    domains()[request->domid % MOST_DOMAINS].pages += request->nr_extents << request->extent_order;
    return (long)request->nr_extents;
}

static int hvm_op(unsigned long command, xen_hvm_param_t *param)
{
    if (command != HVMOP_set_param && command != HVMOP_get_param) return 0;
    uint64_t *value = &domains()[param->domid % MOST_DOMAINS].params[param->index];
    if (command == HVMOP_set_param) *value = param->value;
    else param->value = *value;
    return 0;
}

static int event_channel_op(unsigned long command, struct evtchn_alloc_unbound *request)
{
    if (command == EVTCHNOP_alloc_unbound) request->port = domains()[request->dom % MOST_DOMAINS].next_port++;
    return 0;
}

static long xen_version(unsigned long command, void *answer)
{
    switch (command) {
    case XENVER_version: return 4 << 16 | 17;
    case XENVER_pagesize: return PAGE_BYTES;
    case XENVER_extraversion: strcpy(answer, ".7"); return 0;
    case XENVER_capabilities: strcpy(answer, "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 "); return 0;
    case XENVER_changeset: strcpy(answer, "pretended"); return 0;
    case XENVER_commandline: strcpy(answer, ""); return 0;
    case XENVER_compile_info: memset(answer, 0, sizeof(xen_compile_info_t)); return 0;
    default: return 0;
    }
}

static long hypercall(const privcmd_hypercall_t *call)
{
    void *first = (void *)(uintptr_t)call->arg[0], *second = (void *)(uintptr_t)call->arg[1];

    __atomic_add_fetch(&world()->hypercalls, 1, __ATOMIC_RELAXED);
    switch (call->op) {
    case __HYPERVISOR_xen_version: return xen_version(call->arg[0], second);
    case __HYPERVISOR_domctl: return domctl(first);
    case __HYPERVISOR_sysctl: return sysctl(first);
    case __HYPERVISOR_memory_op: return memory_op(call->arg[0], second);
    case __HYPERVISOR_hvm_op: return hvm_op(call->arg[0], second);
    case __HYPERVISOR_event_channel_op: return event_channel_op(call->arg[0], second);
    case __HYPERVISOR_multicall:
        for (multicall_entry_t *entry = first; entry < (multicall_entry_t *)first + call->arg[1]; entry++) {
            entry->result = entry->op == __HYPERVISOR_memory_op ? memory_op(entry->args[0], (void *)entry->args[1]) : 0;
        }
        return 0;
    case __HYPERVISOR_xsm_op: return fail(ENOSYS);
    default: return 0;
    }
}

/* -- the guest's memory: frame N lies at N pages in one file, so that two maps of a frame agree -- */

static int map_frames(const privcmd_mmapbatch_v2_t *request)
{
    if (memory_fd < 0) {
        memory_fd = memfd_create("guest", MFD_CLOEXEC);
        if (memory_fd < 0 || ftruncate(memory_fd, 1LL << 40)) return -1;
    }
    for (unsigned int i = 0; i < request->num; i++) {
        off_t frame = request->arr[i] & 0xfffffff;
        void *at = (void *)(uintptr_t)(request->addr + (uint64_t)i * PAGE_BYTES);
        if (mmap(at, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory_fd, frame * PAGE_BYTES) == MAP_FAILED) {
            return -1;
        }
        request->err[i] = 0;
    }
    return 0;
}

static int map_resource(privcmd_mmap_resource_t *request)
{
    if (request->num == 0) {
        request->num = 1;
        return 0;
    }
    void *at = mmap((void *)(uintptr_t)request->addr, request->num * PAGE_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return at == MAP_FAILED ? -1 : 0;
}

int ioctl(int fd, unsigned long request, ...)
{
    int (*next)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);

    if (fd < 0 || fd >= MOST_FDS || !is_ours[fd]) return next(fd, request, argument);
    switch (request) {
    case IOCTL_PRIVCMD_HYPERCALL: return (int)hypercall(argument);
    case IOCTL_PRIVCMD_MMAPBATCH_V2: return map_frames(argument);
    case IOCTL_PRIVCMD_MMAP_RESOURCE: return map_resource(argument);
    /* libxenforeignmemory asks for a call that is none, to see that others are told apart from it. */
    case IOCTL_PRIVCMD_UNIMPLEMENTED: return fail(ENOTTY);
    default: return 0;
    }
}
