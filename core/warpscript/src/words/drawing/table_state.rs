//! The table of words: Modes, pens, transformations.

use super::arguments::numeric;
use super::{pictures, shapes};
use crate::registry::{Word, word};

pub(super) const STATE: &[Word] = &[
    word(
        "PpushStyle",
        |vm| numeric(vm, &[0], |c, _| c.push_style()),
        "1.0.0",
        "canvas<PGRAPHICS> PpushStyle canvas<PGRAPHICS>",
        "Keeps colours, pens and modes for PpopStyle.",
        &[("2 2 '2D0' PGraphics PpushStyle TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PpopStyle",
        |vm| numeric(vm, &[0], |c, _| c.pop_style()),
        "1.0.0",
        "canvas<PGRAPHICS> PpopStyle canvas<PGRAPHICS>",
        "Brings back what PpushStyle kept.",
        &[("2 2 '2D0' PGraphics PpopStyle", "!Too many popStyle()")],
    ),
    word(
        "PpushMatrix",
        |vm| numeric(vm, &[0], |c, _| c.push_matrix()),
        "1.0.0",
        "canvas<PGRAPHICS> PpushMatrix canvas<PGRAPHICS>",
        "Keeps the transformation for PpopMatrix.",
        &[("2 2 '2D0' PGraphics PpushMatrix TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PpopMatrix",
        |vm| numeric(vm, &[0], |c, _| c.pop_matrix()),
        "1.0.0",
        "canvas<PGRAPHICS> PpopMatrix canvas<PGRAPHICS>",
        "Brings back what PpushMatrix kept.",
        &[("2 2 '2D0' PGraphics PpopMatrix", "!missing a pushMatrix()")],
    ),
    word(
        "PresetMatrix",
        |vm| {
            numeric(vm, &[0], |c, _| {
                c.reset_matrix();
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> PresetMatrix canvas<PGRAPHICS>",
        "Forgets all transformations.",
        &[("2 2 '2D0' PGraphics PresetMatrix TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Ptranslate",
        |vm| {
            numeric(vm, &[2, 3], |c, n| {
                if let [x, y] = n {
                    c.transform([1.0, 0.0, 0.0, 1.0, f64::from(*x), f64::from(*y)]);
                }
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> x<NUMBER> y<NUMBER> Ptranslate canvas<PGRAPHICS>\ncanvas<PGRAPHICS> x<NUMBER> y<NUMBER> z<NUMBER> Ptranslate canvas<PGRAPHICS>",
        "Moves what is drawn from now on.",
        &[("2 2 '2D0' PGraphics 1 1 Ptranslate TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Pscale",
        |vm| {
            numeric(vm, &[1, 2, 3], |c, n| {
                if n.len() < 3 {
                    let (x, y) = (f64::from(n[0]), f64::from(n[n.len() - 1]));
                    c.transform([x, 0.0, 0.0, y, 0.0, 0.0]);
                }
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> factor<NUMBER> Pscale canvas<PGRAPHICS>\ncanvas<PGRAPHICS> x<NUMBER> y<NUMBER> Pscale canvas<PGRAPHICS>\ncanvas<PGRAPHICS> x<NUMBER> y<NUMBER> z<NUMBER> Pscale canvas<PGRAPHICS>",
        "Enlarges what is drawn from now on.",
        &[("2 2 '2D0' PGraphics 2 Pscale TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Protate",
        |vm| {
            numeric(vm, &[1], |c, n| {
                let (sin, cos) = libm::sincos(f64::from(n[0]));
                c.transform([cos, sin, -sin, cos, 0.0, 0.0]);
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> angle<NUMBER> Protate canvas<PGRAPHICS>",
        "Turns what is drawn from now on, clockwise.",
        &[("2 2 '2D0' PGraphics 1 Protate TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PshearX",
        |vm| {
            numeric(vm, &[1], |c, n| {
                c.transform([1.0, 0.0, libm::tan(f64::from(n[0])), 1.0, 0.0, 0.0]);
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> angle<NUMBER> PshearX canvas<PGRAPHICS>",
        "Shears what is drawn from now on along the rows.",
        &[("2 2 '2D0' PGraphics 0 PshearX TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PshearY",
        |vm| {
            numeric(vm, &[1], |c, n| {
                c.transform([1.0, libm::tan(f64::from(n[0])), 0.0, 1.0, 0.0, 0.0]);
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> angle<NUMBER> PshearY canvas<PGRAPHICS>",
        "Shears what is drawn from now on along the columns.",
        &[("2 2 '2D0' PGraphics 0 PshearY TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "ProtateX",
        |vm| shapes::in_space(vm, &[1]),
        "1.0.0",
        "canvas<PGRAPHICS> angle<NUMBER> ProtateX canvas<PGRAPHICS>",
        "Means something in space alone: on a flat canvas nothing happens.",
        &[("2 2 '2D0' PGraphics 1 ProtateX TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "ProtateY",
        |vm| shapes::in_space(vm, &[1]),
        "1.0.0",
        "canvas<PGRAPHICS> angle<NUMBER> ProtateY canvas<PGRAPHICS>",
        "Means something in space alone: on a flat canvas nothing happens.",
        &[("2 2 '2D0' PGraphics 1 ProtateY TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "ProtateZ",
        |vm| shapes::in_space(vm, &[1]),
        "1.0.0",
        "canvas<PGRAPHICS> angle<NUMBER> ProtateZ canvas<PGRAPHICS>",
        "Means something in space alone: on a flat canvas nothing happens.",
        &[("2 2 '2D0' PGraphics 1 ProtateZ TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Pbox",
        |vm| shapes::in_space(vm, &[1, 3]),
        "1.0.0",
        "canvas<PGRAPHICS> size<NUMBER> Pbox canvas<PGRAPHICS>\ncanvas<PGRAPHICS> width<NUMBER> height<NUMBER> depth<NUMBER> Pbox canvas<PGRAPHICS>",
        "Means something in space alone: on a flat canvas nothing happens.",
        &[("2 2 '2D0' PGraphics 2 Pbox TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Psphere",
        |vm| shapes::in_space(vm, &[1]),
        "1.0.0",
        "canvas<PGRAPHICS> radius<NUMBER> Psphere canvas<PGRAPHICS>",
        "Means something in space alone: on a flat canvas nothing happens.",
        &[("2 2 '2D0' PGraphics 2 Psphere TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PsphereDetail",
        |vm| shapes::in_space(vm, &[1, 2]),
        "1.0.0",
        "canvas<PGRAPHICS> detail<NUMBER> PsphereDetail canvas<PGRAPHICS>\ncanvas<PGRAPHICS> across<NUMBER> around<NUMBER> PsphereDetail canvas<PGRAPHICS>",
        "Means something in space alone: on a flat canvas nothing happens.",
        &[("2 2 '2D0' PGraphics 4 PsphereDetail TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PbezierDetail",
        |vm| shapes::in_space(vm, &[1]),
        "1.0.0",
        "canvas<PGRAPHICS> detail<NUMBER> PbezierDetail canvas<PGRAPHICS>",
        "Means something in space alone: on a flat canvas nothing happens.",
        &[("2 2 '2D0' PGraphics 4 PbezierDetail TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PcurveDetail",
        |vm| shapes::in_space(vm, &[1]),
        "1.0.0",
        "canvas<PGRAPHICS> detail<NUMBER> PcurveDetail canvas<PGRAPHICS>",
        "Means something in space alone: on a flat canvas nothing happens.",
        &[("2 2 '2D0' PGraphics 4 PcurveDetail TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Pclip",
        |vm| {
            numeric(vm, &[4], |c, n| {
                c.set_clip([n[0], n[1], n[2], n[3]]);
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> Pclip canvas<PGRAPHICS>",
        "Limits drawing to a rectangle.",
        &[("2 2 '2D0' PGraphics 0 0 1 1 Pclip TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PnoClip",
        |vm| {
            numeric(vm, &[0], |c, _| {
                c.no_clip();
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> PnoClip canvas<PGRAPHICS>",
        "Removes the limit of Pclip.",
        &[("2 2 '2D0' PGraphics PnoClip TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PstrokeWeight",
        |vm| {
            numeric(vm, &[1], |c, n| {
                c.style.weight = n[0];
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> width<NUMBER> PstrokeWeight canvas<PGRAPHICS>",
        "How wide lines are.",
        &[("2 2 '2D0' PGraphics 2 PstrokeWeight TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PstrokeCap",
        shapes::cap,
        "1.0.0",
        "canvas<PGRAPHICS> cap<STRING> PstrokeCap canvas<PGRAPHICS>",
        "How lines end: `SQUARE`, `PROJECT` or `ROUND`.",
        &[("2 2 '2D0' PGraphics 'SQUARE' PstrokeCap TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PstrokeJoin",
        shapes::join,
        "1.0.0",
        "canvas<PGRAPHICS> join<STRING> PstrokeJoin canvas<PGRAPHICS>",
        "How lines turn: `MITER`, `BEVEL` or `ROUND`.",
        &[("2 2 '2D0' PGraphics 'BEVEL' PstrokeJoin TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PrectMode",
        |vm| pictures::box_mode(vm, true, |c, mode| c.style.rect = mode),
        "1.0.0",
        "canvas<PGRAPHICS> mode<STRING> PrectMode canvas<PGRAPHICS>",
        "What the numbers of Prect mean: `CORNER`, `CORNERS`, `CENTER` or `RADIUS`.",
        &[("2 2 '2D0' PGraphics 'CENTER' PrectMode TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PellipseMode",
        |vm| pictures::box_mode(vm, true, |c, mode| c.style.ellipse = mode),
        "1.0.0",
        "canvas<PGRAPHICS> mode<STRING> PellipseMode canvas<PGRAPHICS>",
        "What the numbers of Pellipse and Parc mean: `CORNER`, `CORNERS`, `CENTER` or `RADIUS`.",
        &[("2 2 '2D0' PGraphics 'CORNER' PellipseMode TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PshapeMode",
        |vm| pictures::box_mode(vm, false, |c, mode| c.style.shape = mode),
        "1.2.18",
        "canvas<PGRAPHICS> mode<STRING> PshapeMode canvas<PGRAPHICS>",
        "What the numbers of Pshape mean: `CORNER`, `CORNERS` or `CENTER`.",
        &[("2 2 '2D0' PGraphics 'CORNER' PshapeMode TYPEOF", "[\"PGRAPHICS\"]")],
    ),
];
