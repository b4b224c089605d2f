internal import PostgreSQL
internal import Tracepoints

/// Events that the policy counts instead of storing: control record `count`.
enum TracepointCountRow {
    static let columns = ["tracepoint", "count"]

    static func write(
        _ context: EventContext, _ tracepoint: Tracepoint, count: UInt64, into rows: inout CopyBuffer
    ) {
        rows.beginEvent(context, own: columns.count)
        rows.verbatim(tracepoint.name)
        rows.int64(Int64(clamping: count))
    }
}
