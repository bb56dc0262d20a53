//! Mark and sweep, in slices.

use super::object::{text_bytes, trace_map};
use super::{GROWTH_MIN, Heap, Slab, slot_cost};
use crate::value::Value;

/// A collection under way. The script stands still until it is done.
#[derive(Debug)]
pub(crate) struct Collector {
    /// Objects that are marked but not yet looked into.
    grey: Vec<Value>,
    /// Which slab is being swept, and from which place; `None` while marking.
    sweep: Option<(u8, usize)>,
}

/// How many slabs there are to sweep.
const SLABS: u8 = 11;

impl Heap {
    /// Whether a collection should start.
    #[inline]
    pub(crate) const fn is_due(&self) -> bool {
        self.used > self.threshold
    }

    /// Whether a collection is under way.
    pub(crate) const fn is_collecting(&self) -> bool {
        self.collector.is_some()
    }

    /// Starts a collection; `roots` calls its argument with every value that is in use.
    pub(crate) fn start_collection(&mut self, roots: impl FnOnce(&mut dyn FnMut(Value))) {
        let mut grey = Vec::new();
        roots(&mut |value| grey.push(value));
        grey.extend(self.ascii.iter().flatten().map(|t| Value::String(*t)));
        self.collector = Some(Collector { grey, sweep: None });
    }

    /// Goes on with the collection for about `budget` objects; returns the work done.
    pub(crate) fn collect(&mut self, budget: usize) -> usize {
        let Some(mut collector) = self.collector.take() else {
            return 0;
        };
        let mut work = 0;
        while work < budget {
            match collector.sweep {
                None => match collector.grey.pop() {
                    Some(value) => work += 1 + self.mark(value, &mut collector.grey),
                    None => collector.sweep = Some((0, 0)),
                },
                Some((slab, _)) if slab == SLABS => {
                    self.schedule();
                    return work;
                }
                Some((slab, place)) => {
                    let to = place + (budget - work).max(64);
                    let places = self.sweep(slab, place, to);
                    work += to.min(places).saturating_sub(place) / 4 + 1;
                    collector.sweep = Some(if to >= places { (slab + 1, 0) } else { (slab, to) });
                }
            }
        }
        self.collector = Some(collector);
        work
    }

    /// Collects to the end at once.
    #[cfg(test)]
    pub(crate) fn collect_all(&mut self, roots: &[Value]) {
        self.start_collection(|visit| roots.iter().for_each(|v| visit(*v)));
        while self.is_collecting() {
            self.collect(1000);
        }
    }

    /// Sets when the next collection starts: after growing by as much as is alive, but never by
    /// more than a quarter of what is left, so that garbage alone hardly ever hits the limit.
    fn schedule(&mut self) {
        let growth = self.used.max(GROWTH_MIN);
        let room = self.limit.saturating_sub(self.used) / 4;
        self.threshold = self.used + growth.min(room);
    }

    /// Marks one object and queues what it holds; returns how much that was.
    fn mark(&mut self, value: Value, grey: &mut Vec<Value>) -> usize {
        let before = grey.len();
        let mut texts = 0;
        match value {
            Value::String(h) => {
                self.texts.mark(h.index);
            }
            Value::Bytes(h) => {
                self.bytes.mark(h.index);
            }
            Value::Decimal(h) => {
                self.decimals.mark(h.index);
            }
            Value::List(h) | Value::Vector(h) if self.lists.mark(h.index) => {
                let held = self.lists.get(h.index).iter().copied();
                texts = self.lists.get(h.index).len() / 8;
                grey.extend(held.filter(|v| is_object(*v)));
            }
            Value::Map(h) if self.maps.mark(h.index) => {
                trace_map(self.maps.get(h.index), &mut |v| push(grey, v));
            }
            Value::Set(h) if self.sets.mark(h.index) => {
                let members = &self.sets.get(h.index).members;
                members.iter().for_each(|k| push(grey, k.value()));
            }
            Value::Gts(h) if self.series.mark(h.index) => texts = self.recount_series(h.index),
            Value::Encoder(h) if self.encoders.mark(h.index) => {
                texts = self.recount_encoder(h.index);
            }
            Value::Macro(h) if self.macros.mark(h.index) => {
                self.macros.get(h.index).trace(&mut |v| push(grey, v));
            }
            Value::Function(h) if self.functions.mark(h.index) => {
                let function = self.functions.get(h.index);
                function.role.trace(&mut |v| push(grey, v));
                function.parameters.iter().for_each(|v| push(grey, *v));
            }
            Value::Object(h) if self.objects.mark(h.index) => {
                self.objects.get(h.index).trace(&mut |v| push(grey, v));
            }
            _ => (),
        }
        texts + grey.len() - before
    }

    fn recount_series(&mut self, index: u32) -> usize {
        let gts = self.series.get_mut(index);
        let bytes = text_bytes(&gts.series.points);
        self.used = (self.used + bytes).saturating_sub(gts.text_bytes);
        gts.text_bytes = bytes;
        if bytes > 0 { gts.series.points.len() / 8 } else { 0 }
    }

    fn recount_encoder(&mut self, index: u32) -> usize {
        let encoder = self.encoders.get_mut(index);
        let bytes = text_bytes(&encoder.points);
        self.used = (self.used + bytes).saturating_sub(encoder.text_bytes);
        encoder.text_bytes = bytes;
        if bytes > 0 { encoder.points.len() / 8 } else { 0 }
    }

    /// Sweeps the places `from..to` of one slab; returns how many places it has.
    fn sweep(&mut self, slab: u8, from: usize, to: usize) -> usize {
        fn one<T: super::Footprint>(
            slab: &mut Slab<T>,
            used: &mut usize,
            from: usize,
            to: usize,
        ) -> usize {
            let mut freed = 0;
            slab.sweep(from, to, |object| freed += slot_cost::<T>() + object.footprint());
            *used = used.saturating_sub(freed);
            slab.places()
        }
        let used = &mut self.used;
        match slab {
            0 => one(&mut self.texts, used, from, to),
            1 => one(&mut self.bytes, used, from, to),
            2 => one(&mut self.decimals, used, from, to),
            3 => one(&mut self.lists, used, from, to),
            4 => one(&mut self.maps, used, from, to),
            5 => one(&mut self.sets, used, from, to),
            6 => one(&mut self.series, used, from, to),
            7 => one(&mut self.encoders, used, from, to),
            8 => one(&mut self.macros, used, from, to),
            9 => one(&mut self.functions, used, from, to),
            _ => one(&mut self.objects, used, from, to),
        }
    }
}

/// Whether a value names an object of the heap.
const fn is_object(value: Value) -> bool {
    !matches!(
        value,
        Value::Null
            | Value::Mark
            | Value::Boolean(_)
            | Value::Long(_)
            | Value::Double(_)
            | Value::Word(_)
    )
}

fn push(grey: &mut Vec<Value>, value: Value) {
    if is_object(value) {
        grey.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_survives_and_the_rest_is_freed() {
        let mut heap = Heap::new(1 << 30);
        let empty = heap.used();
        let text = heap.string("kept").expect("room");
        let list = heap.alloc_list(vec![text]).expect("room");
        let live = heap.used();
        for _ in 0..1000 {
            heap.string("garbage").expect("room");
        }
        heap.collect_all(&[Value::List(list)]);
        assert_eq!(heap.used(), live);
        assert!(matches!(heap.list(list)[0], Value::String(t) if &**heap.text(t) == "kept"));
        heap.collect_all(&[]);
        assert_eq!(heap.used(), empty);
    }

    #[test]
    fn cycles_are_freed_and_deep_nesting_does_not_recurse() {
        let mut heap = Heap::new(1 << 30);
        let a = heap.alloc_list(Vec::new()).expect("room");
        heap.change_list(a).expect("not frozen").push(Value::List(a));
        let mut deep = Value::List(a);
        for _ in 0..300_000 {
            deep = heap.new_list(vec![deep]).expect("room");
        }
        heap.collect_all(&[deep]);
        assert!(heap.used() > 300_000 * 24);
        heap.collect_all(&[]);
        assert_eq!(heap.used(), 0);
    }

    #[test]
    fn the_limit_holds() {
        let mut heap = Heap::new(100_000);
        let mut made = 0;
        while heap.string("x".repeat(1000)).is_ok() {
            made += 1;
        }
        assert!(heap.used() <= 100_000 && made > 80);
        assert!(heap.claim_values(usize::MAX).is_err());
    }
}
