/* What a request says, and what its reply holds. */
#include "client.h"

Test(requests, get_an_answer)
{
    server *s = server_start(echo, NULL);
    net_loop *loop = open_loop(NULL);
    net_transfer *t = fetch(loop, post_to(s, "/v1?a=b", "hello"));
    const net_reply *reply = net_transfer_reply(t);
    cr_assert_eq(reply->status, RRK_OK, "%s", reply->error.message);
    cr_assert_eq(reply->http_status, 200);
    cr_assert_str_eq(reply->body.data, "hello");
    cr_assert_eq(reply->bytes_sent, 5);
    cr_assert_eq(reply->retry_after_ms, -1);
    cr_assert_not(reply->stopped);
    cr_assert_not(reply->may_retry);
    cr_assert_geq(reply->first_byte_ms, 0);
    cr_assert_geq(reply->total_ms, reply->first_byte_ms);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}
