//! WarpScript: parser, resumable machine, function library. Without IO.
//!
//! # Architecture
//! ```text
//!   script ──▶ parser ──▶ instructions ──▶ machine ──▶ stack ──▶ json
//!                │                       run(fuel, clock, entropy)
//!             registry ◀── words/*         │         ▲
//!                                      Need(id, …)  answer(id, …)
//! ```
//! - [`machine`]: frames, slices, faults, requests. [`machine::Machine`] is one script with all it
//!   holds; it is `Send` and never blocks.
//! - [`heap`]: the objects of a script and their garbage; [`value`]: what the stack holds.
//! - `parser`: runs the script statement by statement; macros are compiled when they are read.
//! - [`registry`]: one table of every word; `words/` has one module a family.
//! - [`requests`]: what scripts ask of the platform. [`config`]: limits and keys.
//! - [`java`]: equality and order. [`json`], [`snapshot`], [`text`]: values as text. [`jsonl`]: scripts as JSON lines.
//!
//! # Adding words
//! A family is a module in `words/` with a `FAMILY` table, named in `words/mod.rs`:
//! ```ignore
//! pub(crate) static FAMILY: Family = Family { name: "stack", words: &[
//!     word("DUP", dup, "1.0.0", "x<ANY> DUP x<ANY> x<ANY>", "Duplicates the top.",
//!          &[("1 DUP", "[1,1]"), ("DUP", "!Empty stack.")]),
//! ]};
//! fn dup(vm: &mut Machine) -> Result { let top = vm.peek(0)?; vm.push(top) }
//! ```
//! - A word is `fn(&mut Machine) -> Result`. It pops arguments (`vm.pop_long("expects a LONG.")`
//!   fails with `NAME expects a LONG.`), works, pushes results. One function may serve several
//!   words: `vm.word.name` says which.
//! - Values are copied handles: `vm.heap.list(h)` reads, `vm.heap.change_list(h)?` changes for all
//!   aliases and fails on read-only views, `vm.push_list(vec)` makes. Handles live as long as the
//!   word; a value kept in a [`machine::Task`], [`machine::Loop`] or [`heap::Object`] must be named
//!   in its `trace`.
//! - Errors: `vm.error("text")` puts the word's name in front, `Fault::text` does not,
//!   `Fault::kind` and [`error::Fault::bounds`] and the like name what Java would throw.
//! - Work: `vm.charge(n)` for n values touched; `vm.heap.claim(bytes)?` before building something
//!   large; a word that can take longer than a few milliseconds is a [`machine::Task`] that returns
//!   [`machine::Flow::Again`] whenever `vm.should_yield()`.
//! - Macros: a word never runs one inside itself. It pushes a [`machine::Task`] (or a
//!   [`machine::Loop`] for one macro again and again), calls `vm.exec(body)?` and is resumed when
//!   the macro is done.
//! - Functions as values (mappers, fillers, …): [`function::Role`].
//! - The platform: `vm.request(Request::…)`, then a task that answers [`machine::Flow::Wait`] until
//!   `vm.take_answer(id)` has something.

mod calendar;
pub mod config;
mod crypto;
mod decimal;
mod entropy;
pub mod error;
pub mod function;
mod graphics;
pub mod heap;
pub mod interactive;
pub mod java;
pub mod json;
pub mod jsonl;
mod literal;
pub mod machine;
pub mod macros;
mod parser;
pub mod position;
mod prime;
pub mod random;
mod regex;
pub mod registry;
pub mod requests;
pub mod snapshot;
pub mod text;
pub mod tokens;
#[cfg_attr(not(test), expect(dead_code, reason = "some of it is for words to come"))]
mod utf16;
pub mod value;
mod words;

pub use config::{Config, Limits};
pub use error::{Error, Fault, Result};
pub use machine::{Clock, Machine, Run};
pub use value::{Handle, Value};
