/*
 * rrk/encoder.h: a transformer that turns texts into vectors, or (query, passage) pairs into scores. BERT's,
 * RoBERTa's (with XLM-RoBERTa) and T5's families are known.
 *
 * An encoder is opened from a folder in Hugging Face's layout: config.json, model.safetensors (or shards with their
 * index), a tokenizer (tokenizer.json, spiece.model, sentencepiece.bpe.model or vocab.txt), and, for sentence-transformers
 * models, modules.json with the pooling's config. Lookup tables are used where the file is mapped, matrices are packed once. Texts run packed end to
 * end without padding, in batches cut by a token budget, so memory is bounded by the budget and not by the request.
 *
 * Thread safety: an encoder may be used from any number of threads at once, and sixteen that ask for a little each are
 * served like one that asks for it all: the texts of all calls wait in one queue, and batches are filled across calls
 * by n_threads threads of the encoder's own. Three quarters of all batches go to the call with the least left to do,
 * the rest to all in turns, so a short call is through in a batch or two whatever else waits, and a long one always
 * moves. Which calls share a batch does not change what comes out but for rounding, and an embedding by rrk's own
 * matrix products (AVX2, AVX-512) not by a single bit. A batch that fails, fails the calls in it and no others. Cancel
 * callbacks are called on the thread that made the call; a call that is cancelled or late returns at once, and work
 * that nobody waits for stops at the model's next layer. Close an encoder when no call is running. Make encoders after
 * fork(): one that crossed a fork answers RRK_E_INVALID in the child.
 */
#ifndef RRK_ENCODER_H
#define RRK_ENCODER_H

#include <rrk/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rrk_encoder rrk_encoder;

#define RRK_ENCODER_DEFAULT_BATCH_MS 100
#define RRK_ENCODER_MAX_BATCH_MS 60000
#define RRK_ENCODER_MAX_BATCH_TOKENS (1u << 20)
#define RRK_ENCODER_MAX_THREADS 256
#define RRK_ENCODER_DEFAULT_VIEWS 4
#define RRK_FINGERPRINT_SIZE 17 /* 16 hexadecimal digits and a NUL */

/*
 * What linear layers are computed in; norms, softmax, lookup tables and heads are f32 always. int8 packs weights as signed
 * bytes with a scale an output, and activations as bytes with a scale a row: a quarter of their memory, a multiple of the
 * speed where the processor has VNNI, and scores that move a little. Where a processor would not gain by a type, f32 is
 * used; rrk_encoder_info.compute and a line of the log say so.
 *
 * Weights may be stored as f32, f16, bf16, or as int8 by `rrk convert`: beside "x.weight" I8 [n_out, n_in] stands
 * "x.weight_scale" F32 [n_out]. Stored int8 is what int8 computes with, unchanged; other types widen it.
 */
typedef enum rrk_dtype { RRK_DTYPE_AUTO = 0, RRK_DTYPE_F32 = 1, RRK_DTYPE_BF16 = 2, RRK_DTYPE_INT8 = 3 } rrk_dtype;

typedef struct rrk_encoder_options {
    size_t size;   /* sizeof(rrk_encoder_options) */
    int n_threads; /* 0: rrk_processor_count(); at most RRK_ENCODER_MAX_THREADS */
    /* Tokens that a thread takes at a time at most, or one row if that is longer; 0: as many as batch_ms says. */
    size_t batch_tokens;
    size_t max_tokens;  /* cap a row at this many tokens, special ones included; 0: what the model was made for */
    const char *device; /* "cpu" (also NULL), or "cpu:" and an instruction set ("cpu:avx2") to use no more than that */
    size_t n_views;     /* makes a T5 model an MVP model with so many views; 0: what config.json says, or, where it says
                           nothing and tensors are named as in the paper's checkpoints, the default */
    /*
     * How long a batch should take: about what a short call waits when others keep all threads busy. How many tokens
     * that is, 192 to 1536 (at least 576 where a decoder answers for each row), is measured while the model is opened.
     * 0: RRK_ENCODER_DEFAULT_BATCH_MS.
     */
    uint32_t batch_ms;
    rrk_dtype dtype; /* RRK_DTYPE_AUTO: int8 for a model whose weights are stored as int8, otherwise f32 */
    int check; /* not 0: look at every weight first; RRK_E_FORMAT names the tensor that holds a NaN or an infinity */
} rrk_encoder_options;

static inline void rrk_encoder_options_init(rrk_encoder_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
}

/*
 * Opens a model. RRK_E_NOTFOUND names the file that is missing, RRK_E_FORMAT the tensor or key that is wrong,
 * RRK_E_UNSUPPORTED an architecture or a device that rrk does not know, RRK_E_INVALID an option that is out of bounds,
 * RRK_E_IO a file that cannot be read; RRK_E_NOMEM: no memory or no thread. Weights stay mapped while the encoder is
 * open: replace their file by another (rename), never shorten it in place, or the process is killed by SIGBUS.
 */
RRK_API rrk_status rrk_encoder_open(rrk_encoder **out, const char *model_dir, const rrk_encoder_options *options,
                                    rrk_error *err);
RRK_API void rrk_encoder_close(rrk_encoder *encoder); /* NULL is fine */

typedef enum rrk_encoder_head {
    RRK_HEAD_EMBEDDING = 0, /* one vector a text: strategy "embedding", dense retrieval */
    RRK_HEAD_CROSS = 1,     /* one score a pair: strategy "cross" */
    RRK_HEAD_VIEWS = 2,     /* several vectors a pair, scored list by list: strategy "mvp" */
    RRK_HEAD_SEQ2SEQ = 3    /* a decoder's first step a pair: strategies "monot5" and "rankt5" */
} rrk_encoder_head;

typedef struct rrk_encoder_info {
    size_t size; /* sizeof(rrk_encoder_info), set by the caller */
    rrk_encoder_head head;
    uint32_t n_layers;
    uint32_t d_model;
    uint32_t n_vocab;
    uint32_t max_tokens; /* a row's cap in force */
    uint64_t n_parameters;
    int n_threads;
    char architecture[64]; /* as in config.json, e.g. "BertModel" */
    char name[192];        /* for people: the folder's last component with a hash of the weights' header and samples of
                              their values: "minilm-1f2e3d4c" */
    char compute[64];      /* what it runs on, e.g. "cpu f32 avx512" */
    uint32_t n_views;      /* of RRK_HEAD_VIEWS, otherwise 0 */
    size_t batch_tokens;   /* in force: given, or measured */
    rrk_dtype dtype;       /* what linear layers are computed in: never RRK_DTYPE_AUTO */
    int is_calibrated;     /* config.json says what its scores mean: rrk_rank_options.calibrated works */
    /*
     * The same for models that give the same outputs but for rounding, in whatever folder: of weights (headers, and a
     * sample of each tensor), tokenizer, pooling, prompts, max_tokens, n_views and dtype in force. Stored vectors are
     * known by it.
     */
    char fingerprint[RRK_FINGERPRINT_SIZE];
} rrk_encoder_info;

RRK_API rrk_status rrk_encoder_get_info(const rrk_encoder *encoder, rrk_encoder_info *info, rrk_error *err);

/* Models may ask for a prefix that differs by what a text is; config_sentence_transformers.json says which. */
typedef enum rrk_embed_kind { RRK_EMBED_QUERY = 0, RRK_EMBED_PASSAGE = 1 } rrk_embed_kind;

/*
 * Embeds n texts into out [n_texts, d_model], row-major, f32, L2-normalised unless the model says otherwise. Texts
 * beyond max_tokens are cut at the right. RRK_E_UNSUPPORTED when the model has no embedding head, RRK_E_INVALID when a
 * text is not UTF-8, RRK_E_FORMAT when weights make a vector that is no numbers (the message gives the text's index).
 */
RRK_API rrk_status rrk_encoder_embed(rrk_encoder *encoder, rrk_embed_kind kind, const rrk_text *texts, size_t n_texts,
                                     float *out, rrk_error *err);

#ifdef __cplusplus
}
#endif
#endif
