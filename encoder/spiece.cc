/*
 * libsentencepiece for C: see spiece.h. No exception leaves this file, and nothing is decided in it: what the ids mean
 * is spiece_open.c's business.
 */
#include <new>
#include <string>
#include <vector>

#include <sentencepiece_processor.h>

extern "C" {
#include "encoder/spiece.h"
}

struct enc_spiece {
    sentencepiece::SentencePieceProcessor processor;
};

static rrk_status fail(const sentencepiece::util::Status &status, rrk_status as, rrk_error *err)
{
    return base_fail(err, as, 0, "sentencepiece: %s", status.error_message());
}

/* Runs body and turns what it throws into a status. */
template <class Body> static rrk_status guarded(rrk_status as, rrk_error *err, Body body)
{
    try {
        return body();
    } catch (const std::bad_alloc &) {
        return base_fail(err, RRK_E_NOMEM, 0, "out of memory in sentencepiece");
    } catch (const std::exception &e) {
        return base_fail(err, as, 0, "sentencepiece: %s", e.what());
    }
}

rrk_status enc_spiece_new(enc_spiece **out, const void *model, size_t len, rrk_error *err)
{
    enc_spiece *spiece = nullptr;
    rrk_status status = guarded(RRK_E_FORMAT, err, [&] {
        spiece = new enc_spiece;
        const auto loaded =
            spiece->processor.LoadFromSerializedProto(absl::string_view(static_cast<const char *>(model), len));
        return loaded.ok() ? RRK_OK : fail(loaded, RRK_E_FORMAT, err);
    });
    if (status == RRK_OK)
        *out = spiece;
    else
        enc_spiece_free(spiece);
    return status;
}

void enc_spiece_free(enc_spiece *spiece)
{
    delete spiece;
}

rrk_status enc_spiece_encode(const enc_spiece *spiece, rrk_text text, enc_spiece_take take, void *ctx, rrk_error *err)
{
    return guarded(RRK_E_INVALID, err, [&] {
        std::vector<int> ids;
        const auto encoded = spiece->processor.Encode(absl::string_view(text.data, text.len), &ids);
        if (!encoded.ok())
            return fail(encoded, RRK_E_INVALID, err);
        for (const int id : ids)
            RRK_TRY(take(ctx, id, err));
        return RRK_OK;
    });
}

rrk_status enc_spiece_encode_behind(const enc_spiece *spiece, rrk_text text, size_t n_skip, enc_spiece_take take,
                                    void *ctx, rrk_error *err)
{
    return guarded(RRK_E_INVALID, err, [&] {
        const auto encoded = spiece->processor.EncodeAsImmutableProto(absl::string_view(text.data, text.len));
        for (const auto &piece : encoded.pieces()) {
            if (piece.end() > n_skip)
                RRK_TRY(take(ctx, static_cast<int32_t>(piece.id()), err));
        }
        return RRK_OK;
    });
}

int32_t enc_spiece_unk(const enc_spiece *spiece)
{
    return spiece->processor.unk_id();
}

int32_t enc_spiece_eos(const enc_spiece *spiece)
{
    return spiece->processor.eos_id();
}

int32_t enc_spiece_pad(const enc_spiece *spiece)
{
    return spiece->processor.pad_id();
}

int32_t enc_spiece_id(const enc_spiece *spiece, const char *piece)
{
    const int id = spiece->processor.PieceToId(piece);
    return spiece->processor.IdToPiece(id) == piece ? id : -1;
}

const char *enc_spiece_name(const enc_spiece *spiece, int32_t id)
{
    return spiece->processor.IdToPiece(id).c_str();
}

bool enc_spiece_is_special(const enc_spiece *spiece, int32_t id)
{
    return spiece->processor.IsControl(id) || spiece->processor.IsUnknown(id);
}
