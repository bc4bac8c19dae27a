/* The least that any DNS program can do per query: take a batch of datagrams, add one fixed A record, send the batch.
 * No parsing beyond the end of the question, no policy, no log. `floor PORT` answers on 127.0.0.1. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SLOTS = 64, SIZE = 2048, HEADER = 12, BUFFER = 8 << 20 };

/* pointer to the question, A, IN, TTL 60, 4 octets, 10.0.0.1 */
static const unsigned char RECORD[] = {0xc0, HEADER, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1};

static unsigned char data[SLOTS][SIZE];
static struct sockaddr_in names[SLOTS];
static struct iovec vectors[SLOTS];
static struct mmsghdr headers[SLOTS];

/* Makes an answer of a query in place; returns its size. What is no query goes back as it came. */
static size_t answer(unsigned char *packet, size_t size) {
    size_t at = HEADER;
    while (at < size && packet[at]) at += packet[at] + 1;
    size_t end = at + 5;
    if (end > size || end + sizeof RECORD > SIZE) return size;
    memcpy(packet + end, RECORD, sizeof RECORD);
    packet[2] |= 0x80; /* QR */
    packet[7] = 1;     /* one answer */
    packet[11] = 0;    /* no OPT */
    return end + sizeof RECORD;
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    int buffer = BUFFER, link = socket(AF_INET, SOCK_DGRAM, 0);
    setsockopt(link, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    setsockopt(link, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(link, (struct sockaddr *)&here, sizeof here)) {
        perror("bind");
        return 1;
    }
    for (int i = 0; i < SLOTS; i++) {
        vectors[i].iov_base = data[i];
        headers[i].msg_hdr = (struct msghdr){
            .msg_name = &names[i], .msg_namelen = sizeof names[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    for (;;) {
        for (int i = 0; i < SLOTS; i++) vectors[i].iov_len = SIZE;
        int taken = recvmmsg(link, headers, SLOTS, MSG_WAITFORONE, NULL);
        if (taken <= 0) continue;
        for (int i = 0; i < taken; i++) vectors[i].iov_len = answer(data[i], headers[i].msg_len);
        sendmmsg(link, headers, taken, 0);
    }
}
