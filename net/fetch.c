/* A document into memory, tried again when the connection fails: see download.h. */
#include "net/follow.h"
#include "net/internal.h"

rrk_status net_fetch(net_loop *loop, const net_source *source, base_buf *out, rrk_error *err)
{
    base_error_clear(err);
    if (!loop || !source || !out)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !loop ? "loop" : !source ? "source" : "out");
    net_visit visit = {.source = source};
    net_patience patience = {0};
    for (;;) {
        rrk_error failure = {0};
        net_transfer *transfer;
        bool may_retry;
        RRK_TRY(net_follow(loop, &visit, &transfer, err));
        rrk_status status = net_verdict(transfer, &may_retry, &failure);
        const base_buf *body = &transfer->reply.body;
        int64_t retry_after_ms = transfer->reply.retry_after_ms;
        if (status == RRK_OK)
            status = base_buf_append(out, body->data ? body->data : "", body->len, &failure);
        net_transfer_free(transfer);
        if (status == RRK_OK)
            return RRK_OK;
        if (!may_retry)
            return base_fail(err, status, failure.detail, "%s", failure.message);
        RRK_TRY(net_pause(loop, source, &patience, retry_after_ms, &failure, err));
    }
}
