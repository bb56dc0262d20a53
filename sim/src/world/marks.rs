//! What a machine did or was told: its coverage mark, and what a line of the trace adds to it.

use std::fmt;

use weft_daemons::contract::http::{HttpAction, HttpEvent};
use weft_daemons::contract::log::{LogAction, LogError, LogEvent};
use weft_daemons::contract::peer::Answer;
use weft_daemons::contract::table::{TableAction, TableEvent};
use weft_daemons::contract::{
    CoordAction, CoordEvent, Effect, Event, NoTask, PeerAction, PeerEvent,
};

/// What a line of the trace says of an event besides its mark.
pub(super) struct EventDetail<'a>(pub(super) &'a Event<NoTask>);

impl fmt::Display for EventDetail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Log(LogEvent::Records { topic, partition, records, .. }) => {
                let first = records.first().map_or(0, |record| record.offset);
                write!(f, " {topic}/{partition} {first}+{}", records.len())
            }
            Event::Log(LogEvent::Assigned { topic, partitions, .. }) => {
                let offsets = partitions.iter().map(|(number, position)| (number, position.offset));
                write!(f, " {topic} {:?}", offsets.collect::<Vec<_>>())
            }
            Event::Log(LogEvent::Revoked { topic, partitions, .. }) => {
                write!(f, " {topic} {partitions:?}")
            }
            _ => Ok(()),
        }
    }
}

/// What a line of the trace says of an effect besides its mark.
pub(super) struct EffectDetail<'a>(pub(super) &'a Effect<NoTask>);

impl fmt::Display for EffectDetail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Effect::Log(LogAction::Commit { topic, partition, position, .. }) => {
                write!(f, " {topic}/{partition} {} ({})", position.offset, position.note)
            }
            Effect::Log(LogAction::Seek { topic, partition, offset, .. }) => {
                write!(f, " {topic}/{partition} {offset}")
            }
            Effect::Table(TableAction::Put { puts, .. }) => {
                let points = puts.iter().map(|put| put.points.len()).sum::<usize>();
                let first = puts.first().and_then(|put| put.points.iter().next());
                write!(f, " {points} from {:?}", first.map(|point| point.value))
            }
            Effect::Table(TableAction::Delete { series, start, end, cell_until, .. }) => {
                write!(f, " {} {start}..={end} until {cell_until}", series.class_id)
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn mark_of(event: &Event<NoTask>) -> &'static str {
    match event {
        Event::Tick => "tick",
        Event::Stop => "stop",
        Event::Computed(..) => "computed",
        Event::Http(event) => match event {
            HttpEvent::Head { .. } => "request head",
            HttpEvent::Body { .. } => "request body",
            HttpEvent::End { .. } => "request end",
            HttpEvent::Broken { .. } => "request broken",
            HttpEvent::Gone { .. } => "client gone",
            HttpEvent::Drained { .. } => "response drained",
            HttpEvent::Message { .. } => "message",
        },
        Event::Log(event) => match event {
            LogEvent::Described { result: Ok(_), .. } => "described",
            LogEvent::Described { .. } => "describe failed",
            LogEvent::Appended { result: Ok(_), .. } => "appended",
            LogEvent::Appended { result: Err(LogError::Unknown(_)), .. } => "append unknown",
            LogEvent::Appended { .. } => "append failed",
            LogEvent::Assigned { .. } => "assigned",
            LogEvent::Revoked { .. } => "revoked",
            LogEvent::Records { .. } => "records",
            LogEvent::Committed { result: Ok(()), .. } => "committed",
            LogEvent::Committed { result: Err(LogError::NotAssigned { .. }), .. } => {
                "commit refused"
            }
            LogEvent::Committed { .. } => "commit failed",
            LogEvent::Ends { result: Ok(_), .. } => "ends",
            LogEvent::Ends { .. } => "ends failed",
        },
        Event::Table(event) => match event {
            TableEvent::Written { result: Ok(()), .. } => "written",
            TableEvent::Written { .. } => "write failed",
            TableEvent::Flushed { result: Ok(()), .. } => "flushed",
            TableEvent::Flushed { .. } => "flush failed",
            TableEvent::Deleted { result: Ok(_), .. } => "deleted",
            TableEvent::Deleted { .. } => "delete failed",
            TableEvent::Points { .. } => "points",
            TableEvent::Rows { .. } => "rows",
            TableEvent::Snapshot { .. } => "snapshot",
            TableEvent::Gone { .. } => "gone rows",
            TableEvent::End { result: Ok(()), .. } => "stream ended",
            TableEvent::End { .. } => "stream broke",
        },
        Event::Coord(event) => match event {
            CoordEvent::Done { result: Ok(()), .. } => "done",
            CoordEvent::Done { .. } => "not done",
            CoordEvent::Data { result: Ok(_), .. } => "node",
            CoordEvent::Data { .. } => "no node",
            CoordEvent::Children { result: Ok(_), .. } => "children",
            CoordEvent::Children { .. } => "no children",
            CoordEvent::Changed { .. } => "changed",
            CoordEvent::Connected => "connected",
            CoordEvent::Disconnected => "disconnected",
        },
        Event::Peer(event) => match event {
            PeerEvent::Answered { answer: Answer::Found(_), .. } => "found",
            PeerEvent::Answered { answer: Answer::Counted(_), .. } => "counted",
            PeerEvent::Answered { answer: Answer::End, .. } => "find ended",
            PeerEvent::Answered { answer: Answer::Failed(_), .. } => "find failed",
            PeerEvent::Called { result: Ok(_), .. } => "called",
            PeerEvent::Called { .. } => "call failed",
            PeerEvent::Script { .. } => "script",
            PeerEvent::Scanned { .. } => "scanned",
            PeerEvent::Read { .. } => "read",
            PeerEvent::Resolved { .. } => "resolved",
            PeerEvent::Web { .. } => "web",
            PeerEvent::Throttle { result: Ok(_), .. } => "limits",
            PeerEvent::Throttle { .. } => "limits failed",
            PeerEvent::Revoked(_) => "revoked tokens",
            PeerEvent::Named(_) => "named tokens",
            PeerEvent::Switched(_) => "switched",
            PeerEvent::Ask { .. } => "ask",
            PeerEvent::AskNext { .. } => "ask next",
            PeerEvent::AskCancel { .. } => "ask cancel",
            PeerEvent::Applied { .. } => "applied",
        },
    }
}

pub(super) fn effect_mark(effect: &Effect<NoTask>) -> &'static str {
    match effect {
        Effect::Http(action) => match action {
            HttpAction::Head { .. } => "response head",
            HttpAction::Body { .. } => "response body",
            HttpAction::End { .. } => "response end",
            HttpAction::Abort { .. } => "response abort",
            HttpAction::Pause { .. } => "request pause",
            HttpAction::Resume { .. } => "request resume",
            HttpAction::Upgrade { .. } => "upgrade",
            HttpAction::Message { .. } => "send message",
            HttpAction::Close { .. } => "close",
        },
        Effect::Log(action) => match action {
            LogAction::Describe { .. } => "describe",
            LogAction::Append { .. } => "append",
            LogAction::Subscribe { .. } => "subscribe",
            LogAction::Pause { .. } => "pause",
            LogAction::Resume { .. } => "resume",
            LogAction::Seek { .. } => "seek",
            LogAction::Commit { .. } => "commit",
            LogAction::Ends { .. } => "ask ends",
        },
        Effect::Table(action) => match action {
            TableAction::Put { .. } => "put",
            TableAction::Flush { .. } => "flush",
            TableAction::Delete { .. } => "delete",
            TableAction::Fetch { .. } => "fetch",
            TableAction::PutMeta { .. } => "put meta",
            TableAction::DeleteMeta { .. } => "delete meta",
            TableAction::ScanMeta { .. } => "scan meta",
            TableAction::SaveSnapshot { .. } => "save snapshot",
            TableAction::Next { .. } => "next",
            TableAction::Cancel { .. } => "cancel",
        },
        Effect::Coord(action) => match action {
            CoordAction::Create { .. } => "create",
            CoordAction::Set { .. } => "set",
            CoordAction::Delete { .. } => "remove",
            CoordAction::Get { .. } => "get",
            CoordAction::Children { .. } => "list",
        },
        Effect::Peer(action) => match action {
            PeerAction::Find { .. } => "find",
            PeerAction::Next { .. } => "find next",
            PeerAction::Cancel { .. } => "find cancel",
            PeerAction::Answer { .. } => "answer",
            PeerAction::Call { .. } => "call",
            PeerAction::Script { .. } => "script",
            PeerAction::Switch(_) => "switch",
            PeerAction::Scan { .. } => "scan",
            PeerAction::Read { .. } => "read",
            PeerAction::Resolve { .. } => "resolve",
            PeerAction::Web { .. } => "web",
            PeerAction::Throttle { .. } => "ask limits",
            PeerAction::Applied { .. } => "has applied",
        },
        Effect::Compute(..) => "compute",
        Effect::Metric(metric) => metric.name,
        Effect::Warn(text) => crate::marks::warning(text),
        Effect::Ready(true) => "ready",
        Effect::Ready(false) => "not ready",
        Effect::Stopped => "stopped",
    }
}
