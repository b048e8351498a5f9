/*
 * Which transfer is due next. A binary heap, because hundreds of them run at once and each carries its own deadline;
 * every transfer knows its place, so that one that ends early is taken out without a search.
 */
#include "base/alloc.h"
#include "net/internal.h"

enum { FIRST_CAPACITY = 16 };

static void put(net_timers *timers, size_t place, net_transfer *transfer)
{
    timers->heap[place] = transfer;
    transfer->timer = place;
}

static void sift_up(net_timers *timers, size_t place, net_transfer *transfer)
{
    while (place > 0 && timers->heap[(place - 1) / 2]->due_ns > transfer->due_ns) {
        put(timers, place, timers->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(timers, place, transfer);
}

static void sift_down(net_timers *timers, size_t place, net_transfer *transfer)
{
    for (size_t child; (child = 2 * place + 1) < timers->len; place = child) {
        if (child + 1 < timers->len && timers->heap[child + 1]->due_ns < timers->heap[child]->due_ns)
            child++;
        if (timers->heap[child]->due_ns >= transfer->due_ns)
            break;
        put(timers, place, timers->heap[child]);
    }
    put(timers, place, transfer);
}

rrk_status net_timers_add(net_timers *timers, net_transfer *transfer, rrk_error *err)
{
    if (timers->len == timers->cap) {
        size_t cap = RRK_MAX((size_t)FIRST_CAPACITY, timers->cap * 2);
        net_transfer **heap = base_realloc(timers->heap, cap, sizeof *heap);
        if (!heap)
            return base_fail_nomem(err, cap * sizeof *heap);
        timers->heap = heap;
        timers->cap = cap;
    }
    sift_up(timers, timers->len++, transfer);
    return RRK_OK;
}

void net_timers_remove(net_timers *timers, net_transfer *transfer)
{
    net_transfer *last = timers->heap[--timers->len];
    if (last == transfer)
        return;
    if (last->due_ns < transfer->due_ns)
        sift_up(timers, transfer->timer, last);
    else
        sift_down(timers, transfer->timer, last);
}

void net_timers_postpone(net_timers *timers, net_transfer *transfer, int64_t due_ns)
{
    transfer->due_ns = due_ns;
    sift_down(timers, transfer->timer, transfer);
}
