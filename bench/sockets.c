/* What wrk cannot do: WebSocket round trips, an echo server for them, and sockets that only stand there.
 *
 *   sockets echo PORT                                     echo server: frames are read, unmasked, sent back
 *   sockets trips PORT TARGET COOKIE COUNT BYTES SECONDS  round trips over COUNT sockets, one message in flight on each;
 *                                                         prints "trips seconds p50_us p99_us"
 *   sockets hold PORT TARGET COOKIE COUNT ws|http         opens COUNT sockets (http: one answered request on each),
 *                                                         prints "ready", holds them until standard input ends
 *
 * The handshake uses the key of RFC 6455 §1.3, so that both ends know the accept value without a hash. One thread,
 * epoll; a wrong answer ends the program with a message, so that no figure comes out of a failing run.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define BUFFER (1 << 18)
#define MOST_TIMES (1 << 22)

struct peer {
    int fd, is_open;
    size_t have, done; /* bytes in buffer; bytes of the message's echo seen */
    double sent_at;
    unsigned char *buffer;
};

static void fail(const char *what) {
    fprintf(stderr, "sockets: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

/* Blocking: what is under way is at most one message per socket, which the buffers below take. */
static void send_all(int fd, const void *bytes, size_t size) {
    for (size_t sent = 0; sent < size;) {
        ssize_t step = send(fd, (const char *)bytes + sent, size - sent, MSG_NOSIGNAL);
        if (step <= 0) fail("send");
        sent += (size_t)step;
    }
}

static void ready_socket(int fd) {
    int one = 1, room = 1 << 20;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

/* Read the frame header at `at`; return its length, 0 when it is not whole, and the payload's size and mask. */
static size_t frame_header(const unsigned char *at, size_t have, size_t *size, const unsigned char **mask) {
    if (have < 2) return 0;
    size_t length = at[1] & 0x7f, extra = length == 126 ? 2 : length == 127 ? 8 : 0;
    size_t total = 2 + extra + (at[1] & 0x80 ? 4 : 0);
    if (have < total) return 0;
    if (extra) {
        length = 0;
        for (size_t i = 0; i < extra; i++) length = length << 8 | at[2 + i];
    }
    *size = length;
    *mask = at[1] & 0x80 ? at + 2 + extra : NULL;
    return total;
}

static size_t put_header(unsigned char *at, size_t size, const unsigned char *mask) {
    size_t total = 2;
    at[0] = 0x82;
    if (size < 126) at[1] = (unsigned char)size;
    else if (size < 65536) { at[1] = 126; at[2] = size >> 8; at[3] = size & 255; total = 4; }
    else { at[1] = 127; for (int i = 0; i < 8; i++) at[2 + i] = size >> (8 * (7 - i)) & 255; total = 10; }
    if (mask) { at[1] |= 0x80; memcpy(at + total, mask, 4); total += 4; }
    return total;
}

/* ── echo ─────────────────────────────────────────────────────────────────────────────────────────────────────────── */

static void echo_handshake(struct peer *peer) {
    char *end = memmem(peer->buffer, peer->have, "\r\n\r\n", 4);
    if (!end) return;
    if (!memmem(peer->buffer, peer->have, KEY, strlen(KEY))) { /* a page: the viewer who consents comes back to one */
        static const char page[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\necho";
        send_all(peer->fd, page, sizeof page - 1);
        peer->have = 0;
        return;
    }
    static const char answer[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n";
    send_all(peer->fd, answer, sizeof answer - 1);
    size_t used = (size_t)(end + 4 - (char *)peer->buffer);
    memmove(peer->buffer, peer->buffer + used, peer->have -= used);
    peer->is_open = 1;
}

static void echo_frames(struct peer *peer) {
    static unsigned char out[BUFFER + 16];
    for (;;) {
        size_t size, at;
        const unsigned char *mask;
        if (!(at = frame_header(peer->buffer, peer->have, &size, &mask)) || peer->have < at + size) return;
        size_t head = put_header(out, size, NULL);
        out[0] = peer->buffer[0];
        for (size_t i = 0; i < size; i++) out[head + i] = peer->buffer[at + i] ^ (mask ? mask[i & 3] : 0);
        send_all(peer->fd, out, head + size);
        memmove(peer->buffer, peer->buffer + at + size, peer->have -= at + size);
    }
}

static void echo(int port) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, loop = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) fail("listen");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(loop, events, 256, -1);
        for (int i = 0; i < count; i++) {
            struct peer *peer = events[i].data.ptr;
            if (!peer) {
                int fd = accept(listener, NULL, NULL);
                if (fd < 0) continue;
                ready_socket(fd);
                peer = calloc(1, sizeof *peer);
                peer->fd = fd;
                peer->buffer = malloc(BUFFER);
                event.data.ptr = peer;
                epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
                continue;
            }
            ssize_t got = recv(peer->fd, peer->buffer + peer->have, BUFFER - peer->have, 0);
            if (got <= 0) {
                close(peer->fd);
                free(peer->buffer);
                free(peer);
                continue;
            }
            peer->have += (size_t)got;
            if (!peer->is_open) echo_handshake(peer);
            if (peer->is_open) echo_frames(peer);
        }
    }
}

/* ── the viewers' side ────────────────────────────────────────────────────────────────────────────────────────────── */

static int dial(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (void *)&address, sizeof address)) fail("connect");
    ready_socket(fd);
    return fd;
}

/* Send one request and read its whole answer, with a body of Content-Length when there is one. */
static void ask(int fd, const char *request, const char *status) {
    static char answer[BUFFER];
    size_t have = 0, need = 0;
    send_all(fd, request, strlen(request));
    while (!need || have < need) {
        ssize_t got = recv(fd, answer + have, sizeof answer - 1 - have, 0);
        if (got <= 0) fail("no answer");
        answer[have += (size_t)got] = 0;
        char *end = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "\r\ncontent-length:");
        if (end) need = (size_t)(end + 4 - answer) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
    }
    if (strncmp(answer + 9, status, 3)) {
        fprintf(stderr, "sockets: expected %s, got\n%.800s\n", status, answer);
        exit(1);
    }
}

static void open_websocket(int fd, int port, const char *target, const char *cookie) {
    char request[4096];
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: localhost:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://localhost:%d\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\nCookie: %s\r\n\r\n", target, port, port, cookie);
    ask(fd, request, "101");
}

static void open_http(int fd, int port, const char *target, const char *cookie) {
    char request[4096];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost:%d\r\nCookie: %s\r\n\r\n", target, port, cookie);
    ask(fd, request, "200");
}

static void hold(int port, const char *target, const char *cookie, int count, int is_websocket) {
    for (int i = 0; i < count; i++) (is_websocket ? open_websocket : open_http)(dial(port), port, target, cookie);
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF) {}
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void trips(int port, const char *target, const char *cookie, int count, size_t bytes, double seconds) {
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    unsigned char *message = malloc(bytes + 16), header[16];
    size_t head = put_header(message, bytes, mask), back = put_header(header, bytes, NULL) + bytes;
    for (size_t i = 0; i < bytes; i++) message[head + i] = (unsigned char)('x' ^ mask[i & 3]);
    struct peer *peers = calloc((size_t)count, sizeof *peers);
    float *times = malloc(MOST_TIMES * sizeof *times);
    size_t done = 0;
    int loop = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        peers[i].fd = dial(port);
        open_websocket(peers[i].fd, port, target, cookie);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &peers[i]};
        epoll_ctl(loop, EPOLL_CTL_ADD, peers[i].fd, &event);
    }
    double from = now_us(), until = from + seconds * 1e6, now = from;
    for (int i = 0; i < count; i++) { peers[i].sent_at = now; send_all(peers[i].fd, message, head + bytes); }
    static unsigned char in[BUFFER];
    while (now < until) {
        struct epoll_event events[256];
        int ready = epoll_wait(loop, events, 256, 1000);
        if (!ready) { errno = ETIMEDOUT; fail("a round trip took more than a second"); }
        for (int i = 0; i < ready; i++) {
            struct peer *peer = events[i].data.ptr;
            ssize_t got = recv(peer->fd, in, sizeof in, 0);
            if (got <= 0) fail("the socket was closed");
            if ((peer->done += (size_t)got) < back) continue;
            if (peer->done > back || in[got - 1] != 'x') { errno = EPROTO; fail("not the echo"); }
            now = now_us();
            if (done < MOST_TIMES) times[done] = (float)(now - peer->sent_at);
            done++;
            peer->done = 0;
            peer->sent_at = now;
            send_all(peer->fd, message, head + bytes);
        }
        now = now_us();
    }
    size_t known = done < MOST_TIMES ? done : MOST_TIMES;
    qsort(times, known, sizeof *times, by_size);
    printf("%zu %.6f %.1f %.1f\n", done, (now - from) / 1e6, times[known / 2], times[known * 99 / 100]);
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "echo")) echo(atoi(argv[2]));
    else if (argc == 8 && !strcmp(argv[1], "trips"))
        trips(atoi(argv[2]), argv[3], argv[4], atoi(argv[5]), strtoul(argv[6], NULL, 10), atof(argv[7]));
    else if (argc == 7 && !strcmp(argv[1], "hold"))
        hold(atoi(argv[2]), argv[3], argv[4], atoi(argv[5]), !strcmp(argv[6], "ws"));
    else {
        fputs("usage: see the head of sockets.c\n", stderr);
        return 2;
    }
    return 0;
}
