//! Filters that look at names, labels, attributes and sizes.

use weft_gts::selector::{Pattern, SelectorText};
use weft_gts::{Labels, Metadata};

use super::{keep_if, push_filter};
use crate::error::{Fault, Kind, Result};
use crate::function::Selection;
use crate::heap::Map;
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::{Handle, Value};
use crate::words::points;

pub(in crate::words) static FAMILY: Family = Family {
    name: "filters of metadata",
    words: &[
        word(
            "filter.byclass",
            by_class,
            "1.0.0",
            "class<STRING> filter.byclass filter<FILTER>",
            "Keeps series by their class: `~` starts a regular expression that matches the whole \
             name, `=` or nothing an exact name.",
            &[(
                "[ [ NEWGTS 'a' RENAME NEWGTS 'b' RENAME ] [] '~[bc]' filter.byclass ] FILTER SIZE",
                "[1]",
            )],
        ),
        word(
            "filter.bylabels",
            by_labels,
            "1.0.0",
            "values<MAP> filter.bylabels filter<FILTER>",
            "Keeps series that have all the labels of a map, with values as the map says: `~` \
             starts a regular expression, `=` or nothing an exact value.",
            &[(
                "[ [ NEWGTS { 'h' 'a' } RELABEL NEWGTS ] [] { 'h' '~.' } filter.bylabels ] FILTER SIZE",
                "[1]",
            )],
        ),
        word(
            "filter.byattr",
            by_labels,
            "1.0.11",
            "values<MAP> filter.byattr filter<FILTER>",
            "Keeps series that have all the attributes of a map; values are given as for \
             filter.bylabels.",
            &[("[ [ NEWGTS ] [] { 'h' '~.' } filter.byattr ] FILTER SIZE", "[0]")],
        ),
        word(
            "filter.bylabelsattr",
            by_labels,
            "1.0.11",
            "values<MAP> filter.bylabelsattr filter<FILTER>",
            "Keeps series that have all the labels of a map, or attributes where there is no label \
             of that name; values are given as for filter.bylabels.",
            &[("[ [ NEWGTS ] [] {} filter.bylabelsattr ] FILTER SIZE", "[1]")],
        ),
        word(
            "filter.bymetadata",
            by_metadata,
            "1.0.0",
            "series<LIST<GTS>> filter.bymetadata filter<FILTER>",
            "Keeps series that have the name, labels and attributes of one in the list.",
            &[("[ [ NEWGTS ] [] [ NEWGTS ] filter.bymetadata ] FILTER SIZE", "[1]")],
        ),
        word(
            "filter.byselector",
            by_selector,
            "2.4.0",
            "selector<STRING> filter.byselector filter<FILTER>",
            "Keeps series that a selector means. `class{labels}` looks for the labels among the \
             attributes, too; `class{labels}{attributes}` for each where it says.",
            &[
                ("[ [ NEWGTS 'a' RENAME ] [] '~[ab]{}' filter.byselector ] FILTER SIZE", "[1]"),
                ("'a' filter.byselector", "!invalid syntax for selector."),
            ],
        ),
        word(
            "filter.bysize",
            by_size,
            "2.4.0",
            "min<LONG> max<LONG> filter.bysize filter<FILTER>",
            "Keeps series of at least `min` and at most `max` values.",
            &[("[ [ NEWGTS ] [] 1 9 filter.bysize ] FILTER SIZE", "[0]")],
        ),
    ],
};

/// What a name or a value must be.
enum Matcher {
    Exact(String),
    Pattern(Box<Pattern>),
}

impl Matcher {
    fn new(expression: &str) -> Result<Self> {
        Ok(match expression.strip_prefix('~') {
            Some(pattern) => {
                let pattern = Pattern::new(pattern)
                    .map_err(|error| Fault::kind(Kind::Argument, error.to_string()))?;
                Self::Pattern(Box::new(pattern))
            }
            None => Self::Exact(expression.strip_prefix('=').unwrap_or(expression).to_owned()),
        })
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

/// The text that a filter's first parameter is.
fn text_parameter(vm: &Machine, parameters: &[Value]) -> Result<String> {
    let text = parameters.first().and_then(|value| vm.as_text(*value));
    text.map(|text| text.to_string()).ok_or_else(Fault::null)
}

fn by_class(vm: &mut Machine) -> Result {
    let value = vm.peek(0)?;
    if vm.as_text(value).is_none() {
        return Err(Fault::text("Invalid class selector"));
    }
    vm.pop()?;
    Matcher::new(&text_parameter(vm, &[value])?)?;
    push_filter(vm, select_class, vec![value])
}

fn select_class(vm: &mut Machine, parameters: &[Value]) -> Result<Selection> {
    let matcher = Matcher::new(&text_parameter(vm, parameters)?)?;
    Ok(keep_if(move |vm, gts| Ok(matcher.matches(vm.heap.gts(gts).series.metadata.class()))))
}

/// Where values are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Labels,
    Attributes,
    Both,
}

fn by_labels(vm: &mut Machine) -> Result {
    let Value::Map(map) = vm.pop()? else {
        return Err(Fault::text("Invalid labels/attributes selector"));
    };
    matchers(vm, map)?;
    // Later changes of the map do not change the filter.
    let copy = vm.heap.map(map).clone();
    let copy = Value::Map(vm.heap.alloc_map(copy)?);
    let filter = match vm.word.name {
        "filter.bylabels" => |vm: &mut Machine, p: &[Value]| select_labels(vm, p, Place::Labels),
        "filter.byattr" => |vm: &mut Machine, p: &[Value]| select_labels(vm, p, Place::Attributes),
        _ => |vm: &mut Machine, p: &[Value]| select_labels(vm, p, Place::Both),
    };
    push_filter(vm, filter, vec![copy])
}

/// Whether an empty value asks for the absence of a label (`warp10.absent.label.support`).
fn absent_labels(vm: &Machine) -> bool {
    let mut properties = vm.config.properties.iter();
    properties.any(|(key, value)| key == "warp10.absent.label.support" && value == "true")
}

/// Names with what their values must be, `None` for those that must not be there.
type Wanted = Vec<(String, Option<Matcher>)>;

fn matchers(vm: &Machine, map: Handle<Map>) -> Result<Wanted> {
    let mut wanted = Vec::new();
    for (key, value) in &vm.heap.map(map).entries {
        let (Some(name), Some(expression)) = (key.as_text(), vm.as_text(*value)) else {
            return Err(match value {
                Value::Null => Fault::null(),
                _ => Fault::kind(Kind::Cast, "Not a STRING."),
            });
        };
        let absent = absent_labels(vm) && matches!(&**expression, "" | "=");
        let matcher = if absent { None } else { Some(Matcher::new(expression)?) };
        wanted.push((name.to_string(), matcher));
    }
    Ok(wanted)
}

fn select_labels(vm: &mut Machine, parameters: &[Value], place: Place) -> Result<Selection> {
    let Some(Value::Map(map)) = parameters.first() else {
        return Err(Fault::null());
    };
    let wanted = matchers(vm, *map)?;
    Ok(keep_if(move |vm, gts| Ok(has_all(&vm.heap.gts(gts).series.metadata, &wanted, place))))
}

fn has_all(metadata: &Metadata, wanted: &Wanted, place: Place) -> bool {
    let value = |name: &str| {
        let label = || metadata.labels.get(name);
        let attribute = || metadata.attributes.get(name);
        match place {
            Place::Labels => label(),
            Place::Attributes => attribute(),
            Place::Both => label().or_else(attribute),
        }
    };
    wanted.iter().all(|(name, matcher)| match matcher {
        Some(matcher) => value(name).is_some_and(|value| matcher.matches(value)),
        None => value(name).is_none(),
    })
}

fn by_metadata(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let series = points::gts_list(vm, value, "expects a list of GTS on top of the stack.")?;
    push_filter(vm, select_metadata, super::values(&series))
}

fn select_metadata(vm: &mut Machine, parameters: &[Value]) -> Result<Selection> {
    let mut wanted = Vec::new();
    for value in parameters {
        if let Value::Gts(gts) = value {
            wanted.push(identity(&vm.heap.gts(*gts).series.metadata));
        }
    }
    wanted.sort();
    Ok(keep_if(move |vm, gts| {
        Ok(wanted.binary_search(&identity(&vm.heap.gts(gts).series.metadata)).is_ok())
    }))
}

/// Name, labels and attributes in an order of their own.
type Identity = (String, Vec<(String, String)>, Vec<(String, String)>);

fn identity(metadata: &Metadata) -> Identity {
    let sorted = |labels: &Labels| {
        let labels = labels.sorted();
        labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    };
    (metadata.class().to_owned(), sorted(&metadata.labels), sorted(&metadata.attributes))
}

fn by_selector(vm: &mut Machine) -> Result {
    let value = vm.peek(0)?;
    vm.pop_text("expects a STRING selector")?;
    selector(vm, &[value])?;
    push_filter(vm, select_selector, vec![value])
}

struct Selector {
    /// `None` for any class.
    class: Option<Matcher>,
    labels: Wanted,
    attributes: Option<Wanted>,
}

fn selector(vm: &Machine, parameters: &[Value]) -> Result<Selector> {
    let text = text_parameter(vm, parameters)?;
    let syntax = || Fault::text("invalid syntax for selector.");
    let (class, rest) = text.split_once('{').ok_or_else(syntax)?;
    let (labels, rest) = rest.split_once('}').ok_or_else(syntax)?;
    let attributes = match rest {
        "" => None,
        rest => {
            let list = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            Some(list.filter(|list| !list.contains('}')).ok_or_else(syntax)?)
        }
    };
    let wanted = |class: &str, list: &str| -> Result<(String, Wanted)> {
        let text = SelectorText::parse(&format!("{class}{{{list}}}"))
            .map_err(|error| Fault::text(error.to_string().trim_start().to_owned()))?;
        let mut wanted = Vec::new();
        for (name, expression) in text.labels {
            let absent = absent_labels(vm) && matches!(expression.as_str(), "" | "=");
            wanted.push((name, if absent { None } else { Some(Matcher::new(&expression)?) }));
        }
        Ok((text.class, wanted))
    };
    let (class, labels) = wanted(class, labels)?;
    let class = match class.as_str() {
        "~.*" => None,
        "~" => Some(Matcher::Exact(String::new())),
        class => Some(Matcher::new(class)?),
    };
    let attributes = attributes.map(|list| wanted("c", list)).transpose()?;
    Ok(Selector { class, labels, attributes: attributes.map(|(_, wanted)| wanted) })
}

fn select_selector(vm: &mut Machine, parameters: &[Value]) -> Result<Selection> {
    let selector = selector(vm, parameters)?;
    Ok(keep_if(move |vm, gts| {
        let metadata = &vm.heap.gts(gts).series.metadata;
        let class = selector.class.as_ref().is_none_or(|m| m.matches(metadata.class()));
        Ok(class
            && match &selector.attributes {
                Some(attributes) => {
                    has_all(metadata, &selector.labels, Place::Labels)
                        && has_all(metadata, attributes, Place::Attributes)
                }
                None => has_all(metadata, &selector.labels, Place::Both),
            })
    }))
}

fn by_size(vm: &mut Machine) -> Result {
    let (max, min) = (vm.pop()?, vm.pop()?);
    let (Value::Long(max), Value::Long(min)) = (max, min) else {
        return Err(vm.error("expects two LONG objects as arguments."));
    };
    // As the reference counts, in 32 bits.
    let bounds = [min, max].map(|bound| Value::Long(i64::from(bound as i32)));
    push_filter(vm, select_size, bounds.to_vec())
}

fn select_size(_: &mut Machine, parameters: &[Value]) -> Result<Selection> {
    let bound = |index: usize| parameters.get(index).and_then(|v| v.as_i64()).unwrap_or(0);
    let range = bound(0)..=bound(1);
    Ok(keep_if(move |vm, gts| Ok(range.contains(&(vm.heap.gts(gts).series.points.len() as i64)))))
}
