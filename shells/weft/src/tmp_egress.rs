#![allow(missing_docs)]
use weft_daemons::contract::*;
pub(crate) struct EgressConfig;
pub(crate) struct Egress;
impl Egress {
    pub(crate) fn new(_: EgressConfig, _: u64) -> Self {
        Self
    }
}
impl Machine for Egress {
    type Task = NoTask;
    fn handle(&mut self, _: weft_daemons::Now, _: Event<NoTask>) {}
    fn poll(&mut self) -> Option<Effect<NoTask>> {
        None
    }
    fn deadline(&self) -> Option<weft_daemons::Mono> {
        None
    }
}
