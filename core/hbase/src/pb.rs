//! The protobuf messages that are spoken: those fields of them that are written or read here.
//! Fields that are not listed are skipped when they come.

use prost::bytes::Bytes;

/// A byte of the cell block follows the message: its length.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct CellBlockMeta {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) length: Option<u32>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct UserInformation {
    #[prost(string, required, tag = "1")]
    pub(crate) effective_user: String,
}

/// What a connection begins with.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ConnectionHeader {
    #[prost(message, optional, tag = "1")]
    pub(crate) user_info: Option<UserInformation>,
    #[prost(string, optional, tag = "2")]
    pub(crate) service_name: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) cell_block_codec_class: Option<String>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RequestHeader {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) call_id: Option<u32>,
    #[prost(string, optional, tag = "3")]
    pub(crate) method_name: Option<String>,
    #[prost(bool, optional, tag = "4")]
    pub(crate) request_param: Option<bool>,
    #[prost(message, optional, tag = "5")]
    pub(crate) cell_block_meta: Option<CellBlockMeta>,
    #[prost(uint32, optional, tag = "6")]
    pub(crate) priority: Option<u32>,
    /// Milliseconds after which nobody waits for the answer.
    #[prost(uint32, optional, tag = "7")]
    pub(crate) timeout: Option<u32>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ExceptionResponse {
    #[prost(string, optional, tag = "1")]
    pub(crate) exception_class_name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) stack_trace: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) hostname: Option<String>,
    #[prost(int32, optional, tag = "4")]
    pub(crate) port: Option<i32>,
    #[prost(bool, optional, tag = "5")]
    pub(crate) do_not_retry: Option<bool>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ResponseHeader {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) call_id: Option<u32>,
    #[prost(message, optional, tag = "2")]
    pub(crate) exception: Option<ExceptionResponse>,
    #[prost(message, optional, tag = "3")]
    pub(crate) cell_block_meta: Option<CellBlockMeta>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct NameBytesPair {
    #[prost(string, required, tag = "1")]
    pub(crate) name: String,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(crate) value: Option<Bytes>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct TableName {
    #[prost(bytes = "bytes", required, tag = "1")]
    pub(crate) namespace: Bytes,
    #[prost(bytes = "bytes", required, tag = "2")]
    pub(crate) qualifier: Bytes,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ServerName {
    #[prost(string, required, tag = "1")]
    pub(crate) host_name: String,
    #[prost(uint32, optional, tag = "2")]
    pub(crate) port: Option<u32>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) start_code: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RegionInfo {
    #[prost(uint64, required, tag = "1")]
    pub(crate) region_id: u64,
    #[prost(message, required, tag = "2")]
    pub(crate) table_name: TableName,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(crate) start_key: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(crate) end_key: Option<Bytes>,
    #[prost(bool, optional, tag = "5")]
    pub(crate) offline: Option<bool>,
    #[prost(bool, optional, tag = "6")]
    pub(crate) split: Option<bool>,
    #[prost(int32, optional, tag = "7")]
    pub(crate) replica_id: Option<i32>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RegionLocation {
    #[prost(message, required, tag = "1")]
    pub(crate) region_info: RegionInfo,
    #[prost(message, optional, tag = "2")]
    pub(crate) server_name: Option<ServerName>,
    #[prost(int64, required, tag = "3")]
    pub(crate) seq_num: i64,
}

/// Asked of a master.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct GetMetaRegionLocationsRequest {}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct GetMetaRegionLocationsResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) meta_locations: Vec<RegionLocation>,
}

/// The contents of the znode `meta-region-server`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct MetaRegionServer {
    #[prost(message, required, tag = "1")]
    pub(crate) server: ServerName,
    /// Of the region: open is 3. Absent where it is open, too.
    #[prost(int32, optional, tag = "3")]
    pub(crate) state: Option<i32>,
}

/// The contents of the znode `master`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Master {
    #[prost(message, required, tag = "1")]
    pub(crate) master: ServerName,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RegionSpecifier {
    /// [`REGION_NAME`].
    #[prost(int32, required, tag = "1")]
    pub(crate) kind: i32,
    #[prost(bytes = "bytes", required, tag = "2")]
    pub(crate) value: Bytes,
}

/// A region by its full name.
pub(crate) const REGION_NAME: i32 = 1;

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct TimeRange {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) from: Option<u64>,
    /// Exclusive.
    #[prost(uint64, optional, tag = "2")]
    pub(crate) to: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Column {
    #[prost(bytes = "bytes", required, tag = "1")]
    pub(crate) family: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) qualifier: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Filter {
    #[prost(string, required, tag = "1")]
    pub(crate) name: String,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(crate) serialized_filter: Option<Bytes>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RowRange {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub(crate) start_row: Option<Bytes>,
    #[prost(bool, optional, tag = "2")]
    pub(crate) start_row_inclusive: Option<bool>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(crate) stop_row: Option<Bytes>,
    #[prost(bool, optional, tag = "4")]
    pub(crate) stop_row_inclusive: Option<bool>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct MultiRowRangeFilter {
    #[prost(message, repeated, tag = "1")]
    pub(crate) row_range_list: Vec<RowRange>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Scan {
    #[prost(message, repeated, tag = "1")]
    pub(crate) column: Vec<Column>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) attribute: Vec<NameBytesPair>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(crate) start_row: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(crate) stop_row: Option<Bytes>,
    #[prost(message, optional, tag = "5")]
    pub(crate) filter: Option<Filter>,
    #[prost(message, optional, tag = "6")]
    pub(crate) time_range: Option<TimeRange>,
    #[prost(uint32, optional, tag = "7")]
    pub(crate) max_versions: Option<u32>,
    #[prost(bool, optional, tag = "8")]
    pub(crate) cache_blocks: Option<bool>,
    #[prost(uint64, optional, tag = "10")]
    pub(crate) max_result_size: Option<u64>,
    #[prost(bool, optional, tag = "15")]
    pub(crate) reversed: Option<bool>,
    #[prost(uint32, optional, tag = "17")]
    pub(crate) caching: Option<u32>,
    #[prost(uint64, optional, tag = "20")]
    pub(crate) mvcc_read_point: Option<u64>,
    #[prost(bool, optional, tag = "21")]
    pub(crate) include_start_row: Option<bool>,
    #[prost(bool, optional, tag = "22")]
    pub(crate) include_stop_row: Option<bool>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ScanRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) region: Option<RegionSpecifier>,
    #[prost(message, optional, tag = "2")]
    pub(crate) scan: Option<Scan>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) scanner_id: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    pub(crate) number_of_rows: Option<u32>,
    #[prost(bool, optional, tag = "5")]
    pub(crate) close_scanner: Option<bool>,
    #[prost(uint64, optional, tag = "6")]
    pub(crate) next_call_seq: Option<u64>,
    #[prost(bool, optional, tag = "7")]
    pub(crate) client_handles_partials: Option<bool>,
    #[prost(bool, optional, tag = "8")]
    pub(crate) client_handles_heartbeats: Option<bool>,
    #[prost(bool, optional, tag = "10")]
    pub(crate) renew: Option<bool>,
    #[prost(uint32, optional, tag = "11")]
    pub(crate) limit_of_rows: Option<u32>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ScanResponse {
    #[prost(uint32, repeated, packed = "false", tag = "1")]
    pub(crate) cells_per_result: Vec<u32>,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) scanner_id: Option<u64>,
    #[prost(bool, optional, tag = "3")]
    pub(crate) more_results: Option<bool>,
    /// Milliseconds that the scanner's lease lasts.
    #[prost(uint32, optional, tag = "4")]
    pub(crate) ttl: Option<u32>,
    #[prost(bool, repeated, packed = "false", tag = "7")]
    pub(crate) partial_flag_per_result: Vec<bool>,
    #[prost(bool, optional, tag = "8")]
    pub(crate) more_results_in_region: Option<bool>,
    #[prost(bool, optional, tag = "9")]
    pub(crate) heartbeat_message: Option<bool>,
    #[prost(uint64, optional, tag = "11")]
    pub(crate) mvcc_read_point: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct MutationProto {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub(crate) row: Option<Bytes>,
    /// [`PUT`] or [`DELETE`].
    #[prost(int32, optional, tag = "2")]
    pub(crate) mutate_type: Option<i32>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) attribute: Vec<NameBytesPair>,
    /// How many cells of the cell block are this mutation's.
    #[prost(int32, optional, tag = "8")]
    pub(crate) associated_cell_count: Option<i32>,
}

/// A mutation that writes.
pub(crate) const PUT: i32 = 2;

/// A mutation that deletes.
pub(crate) const DELETE: i32 = 3;

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Action {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) index: Option<u32>,
    #[prost(message, optional, tag = "2")]
    pub(crate) mutation: Option<MutationProto>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RegionAction {
    #[prost(message, required, tag = "1")]
    pub(crate) region: RegionSpecifier,
    #[prost(bool, optional, tag = "2")]
    pub(crate) atomic: Option<bool>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) action: Vec<Action>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct MultiRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) region_action: Vec<RegionAction>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ResultOrException {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) index: Option<u32>,
    /// The name is the exception's class, the value its message and trace.
    #[prost(message, optional, tag = "3")]
    pub(crate) exception: Option<NameBytesPair>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RegionActionResult {
    #[prost(message, repeated, tag = "1")]
    pub(crate) result_or_exception: Vec<ResultOrException>,
    #[prost(message, optional, tag = "2")]
    pub(crate) exception: Option<NameBytesPair>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct MultiResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) region_action_result: Vec<RegionActionResult>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct CoprocessorServiceCall {
    #[prost(bytes = "bytes", required, tag = "1")]
    pub(crate) row: Bytes,
    #[prost(string, required, tag = "2")]
    pub(crate) service_name: String,
    #[prost(string, required, tag = "3")]
    pub(crate) method_name: String,
    #[prost(bytes = "bytes", required, tag = "4")]
    pub(crate) request: Bytes,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct CoprocessorServiceRequest {
    #[prost(message, required, tag = "1")]
    pub(crate) region: RegionSpecifier,
    #[prost(message, required, tag = "2")]
    pub(crate) call: CoprocessorServiceCall,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct CoprocessorServiceResponse {
    #[prost(message, required, tag = "1")]
    pub(crate) region: RegionSpecifier,
    #[prost(message, required, tag = "2")]
    pub(crate) value: NameBytesPair,
}

/// Of the service `BulkDeleteService`, method `delete`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct BulkDeleteRequest {
    #[prost(message, required, tag = "1")]
    pub(crate) scan: Scan,
    /// [`BULK_DELETE_COLUMN`] or [`BULK_DELETE_VERSION`].
    #[prost(int32, required, tag = "2")]
    pub(crate) delete_type: i32,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) timestamp: Option<u64>,
    #[prost(uint32, required, tag = "4")]
    pub(crate) row_batch_size: u32,
}

/// Every version of a column up to the request's timestamp.
pub(crate) const BULK_DELETE_COLUMN: i32 = 2;

/// The versions that the scan sees.
pub(crate) const BULK_DELETE_VERSION: i32 = 3;

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct BulkDeleteResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) rows_deleted: u64,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) versions_deleted: Option<u64>,
}
