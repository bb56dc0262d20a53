//! Warp 10 wire formats: keys and envelopes, tokens, Thrift messages, table rows, znodes.
