//! Structs that are nothing but fields.

use std::collections::BTreeMap;

use weft_gts::Labels;

use super::MetadataMessage;
use super::field::thrift_struct;

thrift_struct! {
    /// A series, or part of one: metadata, bucket parameters and encoder bytes.
    GtsWrapper {
        /// What the series is called.
        1 metadata: Option<MetadataMessage>,
        /// End of the last bucket.
        2 last_bucket: Option<i64>,
        /// Width of a bucket.
        3 bucket_span: Option<i64>,
        /// How many buckets there are.
        4 bucket_count: Option<i64>,
        /// Key of the encryption, where there is one.
        5 key: Option<Vec<u8>>,
        /// Base tick of the encoder; 0 when it is not set.
        6 base: Option<i64>,
        /// Encoder bytes.
        7 encoded: Option<Vec<u8>>,
        /// How many datapoints they hold.
        8 count: Option<i64>,
        /// Whether the encoder bytes are gzipped.
        9 compressed: Option<bool>,
        /// How often; once when it is not set.
        10 passes: Option<i32>,
    }
}

thrift_struct! {
    /// An event of an encrypted log.
    LoggingEvent {
        /// What is known of it.
        1 attributes: Option<Labels>,
    }
}

thrift_struct! {
    /// What series to find.
    DirectoryRequest {
        /// Expressions for classes.
        1 class_selectors: Option<Vec<String>>,
        /// Expressions for labels, for the class of the same index.
        2 labels_selectors: Option<Vec<Labels>>,
        /// Active after this moment, milliseconds since the epoch.
        3 active_after: Option<i64>,
        /// Quiet after this moment, milliseconds since the epoch.
        4 quiet_after: Option<i64>,
        /// Whether answers must be sorted.
        5 sorted: Option<bool>,
    }
}

thrift_struct! {
    /// A signed find (1.x, 2.x).
    DirectoryFindRequest {
        /// Expressions for classes.
        1 class_selectors: Option<Vec<String>>,
        /// Expressions for labels.
        2 labels_selectors: Option<Vec<Labels>>,
        /// When it was made, milliseconds since the epoch.
        3 timestamp_ms: i64,
        /// The signature.
        4 hash: i64,
    }
}

thrift_struct! {
    /// The answer to a find.
    DirectoryFindResponse {
        /// The series.
        1 metadatas: Option<Vec<MetadataMessage>>,
        /// Why not.
        2 error: Option<String>,
        /// Labels that all series have.
        3 common_labels: Option<Labels>,
        /// Another response, gzipped, instead of all this.
        4 compressed: Option<Vec<u8>>,
    }
}

thrift_struct! {
    /// A look-up of one series.
    DirectoryGetRequest {
        /// Class id.
        1 class_id: i64,
        /// Labels id.
        2 labels_id: i64,
    }
}

thrift_struct! {
    /// The answer to a look-up.
    DirectoryGetResponse {
        /// The series, when there is one.
        1 metadata: Option<MetadataMessage>,
    }
}

thrift_struct! {
    /// The answer to a signed request for estimates: HyperLogLog++ estimators.
    DirectoryStatsResponse {
        /// Distinct classes.
        1 class_cardinality: Option<Vec<u8>>,
        /// Distinct names of labels.
        2 label_names_cardinality: Option<Vec<u8>>,
        /// Distinct values of labels.
        3 label_values_cardinality: Option<Vec<u8>>,
        /// Distinct values, by label.
        4 per_label_value_cardinality: Option<BTreeMap<String, Vec<u8>>>,
        /// Series, by class.
        5 per_class_cardinality: Option<BTreeMap<String, Vec<u8>>>,
        /// Series.
        6 gts_count: Option<Vec<u8>>,
        /// Why not.
        7 error: Option<String>,
    }
}

thrift_struct! {
    /// Series that a fetcher may fetch.
    GtsSplit {
        /// When it was made, milliseconds since the epoch.
        1 timestamp_ms: i64,
        /// Until when it is good, milliseconds since the epoch.
        2 expiry_ms: i64,
        /// The series.
        3 metadatas: Option<Vec<MetadataMessage>>,
    }
}

thrift_struct! {
    /// A request as one node forwards it to another.
    DatalogRequest {
        /// When it came, nanoseconds since the epoch.
        1 timestamp_ns: i64,
        /// Which node it came to.
        2 id: Option<String>,
        /// `UPDATE`, `META` or `DELETE`.
        3 kind: Option<String>,
        /// The token it came with.
        4 token: Option<String>,
        /// The base of relative ticks.
        5 now: Option<String>,
        /// The query of a delete.
        6 delete_query: Option<String>,
        /// Whether attributes are a delta.
        7 delta_attributes: Option<bool>,
        /// More attributes.
        8 attributes: Option<Labels>,
    }
}

thrift_struct! {
    /// Series that may be read without their token.
    MetaSet {
        /// Until when it is good, milliseconds since the epoch.
        1 expiry_ms: i64,
        /// The token it was made with.
        2 token: Option<String>,
        /// The series.
        3 metadatas: Option<Vec<MetadataMessage>>,
        /// The longest span of a fetch.
        4 max_duration: Option<i64>,
        /// The oldest tick.
        5 not_before: Option<i64>,
        /// The newest tick.
        6 not_after: Option<i64>,
    }
}

thrift_struct! {
    /// A HyperLogLog++ estimator.
    HyperLogLogPlusParameters {
        /// When it was made, milliseconds since the epoch.
        1 init_ms: i64,
        /// Precision of the registers.
        2 p: i8,
        /// Precision of the sparse list.
        3 p_prime: i8,
        /// Whether it is still a sparse list.
        4 sparse: bool,
        /// Entries of the list.
        5 sparse_list_len: Option<i32>,
        /// The list.
        6 sparse_list: Option<Vec<u8>>,
        /// The registers.
        7 registers: Option<Vec<u8>>,
        /// Whether the registers are gzipped.
        8 gzipped: Option<bool>,
        /// What it counts for.
        9 key: Option<String>,
    }
}

thrift_struct! {
    /// A script to run.
    RunRequest {
        /// When it was due, milliseconds since the epoch.
        1 scheduled_at_ms: i64,
        /// Its period, milliseconds.
        2 period_ms: i64,
        /// Its path.
        3 path: Option<String>,
        /// The script.
        4 content: Option<Vec<u8>>,
        /// Whether it is gzipped.
        5 compressed: bool,
        /// Who scheduled it.
        6 scheduler: Option<String>,
    }
}

thrift_struct! {
    /// An HTTP call that a script asked for.
    WebCallRequest {
        /// When, milliseconds since the epoch.
        1 timestamp_ms: i64,
        /// The script's execution.
        2 stack_uuid: Option<String>,
        /// The call.
        3 webcall_uuid: Option<String>,
        /// The token it was asked with.
        4 token: Option<String>,
        /// Where to.
        5 url: Option<String>,
        /// 1 for `GET`, 2 for `POST`.
        6 method: i32,
        /// Headers.
        7 headers: Option<Labels>,
        /// The body.
        8 body: Option<String>,
    }
}

thrift_struct! {
    /// A script that only those who know its key may read.
    SecureScript {
        /// When it was made, milliseconds since the epoch.
        1 timestamp_ms: i64,
        /// The key.
        2 key: Option<String>,
        /// The script.
        3 script: Option<Vec<u8>>,
        /// Whether it is compressed.
        4 compressed: bool,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn wrappers_round_trip(
            base: Option<i64>,
            encoded in prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
            compressed: Option<bool>,
            passes: Option<i32>,
        ) {
            let wrapper = GtsWrapper { base, encoded, compressed, passes, ..GtsWrapper::default() };
            prop_assert_eq!(GtsWrapper::decode(&wrapper.encode()), Ok(wrapper));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = GtsWrapper::decode(&bytes);
            let _ = DirectoryFindResponse::decode(&bytes);
            let _ = DirectoryStatsResponse::decode(&bytes);
            let _ = MetaSet::decode(&bytes);
            let _ = HyperLogLogPlusParameters::decode(&bytes);
        }
    }
}
