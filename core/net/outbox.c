// SPDX-License-Identifier: MIT
// What a worker reports to the brain.
#include "rowcast/outbox.h"

#include <stdlib.h>

#define PENDING_MAX 10000
#define PENDING_BYTES_MAX (4u << 20)

bool report_counts(const struct report *report)
{
    return report->kind == REPORT_OPENED || report->kind == REPORT_MESSAGE ||
           report->kind == REPORT_CLOSED;
}

void reports_release(struct report *reports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (reports[i].kind == REPORT_OPENED)
            free(reports[i].handshake);
        if (reports[i].kind == REPORT_MESSAGE)
            free(reports[i].bytes);
    }
}

void outbox_init(struct outbox *outbox, uint32_t worker, struct mailbox *mailbox)
{
    *outbox = (struct outbox){.worker = worker, .mailbox = mailbox};
    fifo_init(&outbox->reports, sizeof(struct report));
}

void outbox_release(struct outbox *outbox)
{
    reports_release(fifo_first(&outbox->reports), outbox->reports.count);
    fifo_release(&outbox->reports);
}

static void judge(struct outbox *outbox)
{
    if (outbox->pending > PENDING_MAX || outbox->pending_bytes > PENDING_BYTES_MAX)
        outbox->full = true;
    else if (outbox->pending <= PENDING_MAX / 2 && outbox->pending_bytes <= PENDING_BYTES_MAX / 2)
        outbox->full = false;
}

void outbox_add(struct outbox *outbox, struct report report)
{
    report.worker = outbox->worker;
    fifo_append(&outbox->reports, &report, 1);
    if (report_counts(&report)) {
        outbox->pending++;
        outbox->pending_bytes += report.size;
        judge(outbox);
    }
}

void outbox_post(struct outbox *outbox)
{
    mailbox_post(outbox->mailbox, fifo_first(&outbox->reports), outbox->reports.count);
    fifo_clear(&outbox->reports);
}

void outbox_acknowledge(struct outbox *outbox, uint32_t reports, size_t bytes)
{
    outbox->pending -= reports;
    outbox->pending_bytes -= bytes;
    judge(outbox);
}
