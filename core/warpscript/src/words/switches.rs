//! Words that have the platform refuse what clients send, and take it again.

use std::sync::Arc;

use crate::error::Result;
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::requests::{Request, Service, Switch};
use crate::text::to_text;
use crate::words::{capabilities, scripts};

/// The capability that lets a script switch services.
const CAPABILITY: &str = "manager";

pub(super) static FAMILY: Family = Family {
    name: "switches",
    words: &[
        word(
            "UPDATEOFF",
            |vm| switch_off(vm, Service::Update),
            "2.0.3",
            "reason<STRING> UPDATEOFF",
            "Has the ingresses of this process refuse updates until UPDATEON, and say the reason. \
             Needs the capability `manager`. (`warp.update.disabled` does so from the start.)",
            &[("'full' UPDATEOFF", "!UPDATEOFF missing manager capability.")],
        ),
        word(
            "UPDATEON",
            |vm| switch_on(vm, Service::Update),
            "2.0.3",
            "UPDATEON",
            "Has updates taken again. Needs the capability `manager`.",
            &[("UPDATEON", "!UPDATEON missing manager capability.")],
        ),
        word(
            "METAOFF",
            |vm| switch_off(vm, Service::Meta),
            "2.0.3",
            "reason<STRING> METAOFF",
            "Has the ingresses of this process refuse attributes until METAON, and say the reason. \
             Needs the capability `manager`. (`warp.meta.disabled` does so from the start.)",
            &[("'full' METAOFF", "!METAOFF missing manager capability.")],
        ),
        word(
            "METAON",
            |vm| switch_on(vm, Service::Meta),
            "2.0.3",
            "METAON",
            "Has attributes taken again. Needs the capability `manager`.",
            &[("METAON", "!METAON missing manager capability.")],
        ),
        word(
            "DELETEOFF",
            |vm| switch_off(vm, Service::Delete),
            "2.0.3",
            "reason<STRING> DELETEOFF",
            "Has the ingresses of this process refuse deletes until DELETEON, and say the reason. \
             Needs the capability `manager`. (`warp.delete.disabled` does so from the start.)",
            &[("'audit' DELETEOFF", "!DELETEOFF missing manager capability.")],
        ),
        word(
            "DELETEON",
            |vm| switch_on(vm, Service::Delete),
            "2.0.3",
            "DELETEON",
            "Has deletes taken again. Needs the capability `manager`.",
            &[("DELETEON", "!DELETEON missing manager capability.")],
        ),
    ],
};

fn check(vm: &Machine) -> Result {
    match capabilities::get(vm, CAPABILITY) {
        Some(_) => Ok(()),
        None => Err(vm.error("missing manager capability.")),
    }
}

fn switch_off(vm: &mut Machine, service: Service) -> Result {
    check(vm)?;
    let reason = vm.pop()?;
    let reason = Some(Arc::from(to_text(vm, reason)?));
    scripts::have_done(vm, Request::Switch(Switch { service, reason }))
}

fn switch_on(vm: &mut Machine, service: Service) -> Result {
    check(vm)?;
    scripts::have_done(vm, Request::Switch(Switch { service, reason: None }))
}
