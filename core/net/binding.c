// SPDX-License-Identifier: MIT
// The addresses a server listens on.
#include "rowcast/binding.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SEND_BUFFER (128 << 10) // beyond it the queue is ours, bounded and shared
#define UNSENT (32 << 10) // the kernel's share of what a peer that does not read keeps waiting
#define PORT_TRIES 16

static const char *host_name(const struct bindings *bindings)
{
    return bindings->host != NULL ? bindings->host : "0.0.0.0 and ::";
}

// Turns the errno of a bind or listen into a sentence. Returns -1.
static int refuse(const struct bindings *bindings, int error, struct fault *fault)
{
    const char *host = host_name(bindings);
    const struct bindings_advice *advice = bindings->advice;
    int port = bindings->port;

    switch (error) {
    case EADDRINUSE:
        return fault_set(fault, EXIT_UNAVAILABLE,
                         "cannot listen on %s port %d: the port is taken by another process; see "
                         "who has it with 'ss -ltnp sport = :%d', or %s",
                         host, port, port, advice->port);
    case EACCES:
        return fault_set(fault, EXIT_UNAVAILABLE,
                         "cannot listen on %s port %d: ports below 1024 need the capability "
                         "CAP_NET_BIND_SERVICE; %s",
                         host, port, advice->port);
    case EADDRNOTAVAIL:
        return fault_set(fault, EXIT_UNAVAILABLE,
                         "cannot listen on %s port %d: this machine does not have the address; "
                         "see 'ip address', or %s",
                         host, port, advice->host);
    default:
        return fault_set(fault, EXIT_UNAVAILABLE, "cannot listen on %s port %d: %s; %s", host, port,
                         strerror(error), advice->host);
    }
}

// ---- sockets ----

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

// Returns the socket or a negative errno.
static int open_socket(const struct binding *binding)
{
    int family = binding->address.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
        (family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0)) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static int share_port(int fd)
{
    return set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0 ? -errno : 0;
}

static int bind_socket(int fd, const struct binding *binding)
{
    return bind(fd, (const struct sockaddr *)&binding->address, binding->size) < 0 ? -errno : 0;
}

static void set_port(struct binding *binding, int port)
{
    in_port_t wire = htons((in_port_t)port);

    // Both families keep it at the same place, but only one of them is in the storage.
    if (binding->address.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&binding->address)->sin6_port = wire;
    else
        ((struct sockaddr_in *)&binding->address)->sin_port = wire;
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

// ---- the probe: a plain socket cannot share a port, so it sees who would; one that can does not mind them ----

// Without a host, an address family that the machine does not have is left out.
static bool may_lack(const struct bindings *bindings, int error)
{
    return bindings->host == NULL && bindings->count > 1 &&
           (error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT);
}

static void leave_out(struct bindings *bindings, int index)
{
    bindings->count--;
    memmove(&bindings->list[index], &bindings->list[index + 1],
            (size_t)(bindings->count - index) * sizeof *bindings->list);
}

// Binds a plain socket on the address and notes the port if it is still to be chosen. Returns the
// socket or a negative errno.
static int probe(struct bindings *bindings, int index)
{
    struct binding *binding = &bindings->list[index];
    int fd = open_socket(binding);

    if (fd < 0)
        return fd;
    set_port(binding, bindings->port);
    int result = bindings->claim == BINDINGS_SHARED ? share_port(fd) : 0;
    if (result == 0)
        result = bind_socket(fd, binding);
    if (result == 0 && bindings->port == 0) {
        result = bindings->port = port_of(fd);
        set_port(binding, bindings->port);
    }
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

// Probes all addresses, holding each until the last is known to be free too. 0 or a negative errno.
static int probe_all(struct bindings *bindings)
{
    int held[BINDINGS_MAX], count = 0, result = 0;

    while (count < bindings->count && result == 0) {
        int fd = probe(bindings, count);
        if (fd >= 0)
            held[count++] = fd;
        else if (may_lack(bindings, -fd))
            leave_out(bindings, count);
        else
            result = fd;
    }
    for (int i = 0; i < count; i++)
        close(held[i]);
    return result;
}

// ---- names ----

static void add(struct bindings *bindings, const struct addrinfo *found)
{
    if (bindings->count == BINDINGS_MAX)
        return;
    struct binding *binding = &bindings->list[bindings->count++];
    memcpy(&binding->address, found->ai_addr, found->ai_addrlen);
    binding->size = found->ai_addrlen;
}

static int look_up(struct bindings *bindings, const char *host, struct fault *fault)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    int result = getaddrinfo(host, host == NULL ? "0" : NULL, &hints, &found);

    if (result != 0)
        return fault_set(fault, EXIT_UNAVAILABLE, "cannot listen on '%s': %s; %s",
                         host_name(bindings), gai_strerror(result), bindings->advice->host);
    for (struct addrinfo *at = found; at != NULL; at = at->ai_next)
        add(bindings, at);
    freeaddrinfo(found);
    return 0;
}

int bindings_find(struct bindings *bindings, const char *host, int port, enum bindings_claim claim,
                  const struct bindings_advice *advice, struct fault *fault)
{
    int result = -EADDRINUSE;

    *bindings = (struct bindings){.host = host, .port = port, .claim = claim, .advice = advice};
    if (look_up(bindings, host, fault) < 0)
        return -1;
    // A free port of one address may be taken on the next one.
    for (int tries = port == 0 ? PORT_TRIES : 1; tries > 0 && result == -EADDRINUSE; tries--) {
        bindings->port = port;
        result = probe_all(bindings);
    }
    return result < 0 ? refuse(bindings, -result, fault) : 0;
}

static int prepare(int fd, const struct binding *binding)
{
    int result = share_port(fd);
    if (result < 0)
        return result;
    if (set(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER) < 0 ||
        set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT) < 0 ||
        set(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0)
        return -errno;
    result = bind_socket(fd, binding);
    if (result == 0 && listen(fd, BINDING_BACKLOG) < 0)
        result = -errno;
    return result;
}

int bindings_listen(const struct bindings *bindings, int index, struct fault *fault)
{
    int fd = open_socket(&bindings->list[index]);

    if (fd < 0)
        return refuse(bindings, -fd, fault);
    int result = prepare(fd, &bindings->list[index]);
    if (result < 0) {
        close(fd);
        return refuse(bindings, -result, fault);
    }
    return fd;
}
