//! The table of words: Shapes and text.

use super::arguments::numeric;
use super::{pictures, shapes};
use crate::registry::{Word, word};

pub(super) const SHAPES: &[Word] = &[
    word(
        "Ppoint",
        |vm| {
            numeric(vm, &[2, 3], |c, n| {
                c.point(n[0], n[1]);
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> x<NUMBER> y<NUMBER> Ppoint canvas<PGRAPHICS>\ncanvas<PGRAPHICS> x<NUMBER> y<NUMBER> z<NUMBER> Ppoint canvas<PGRAPHICS>",
        "Draws a point.",
        &[("2 2 '2D0' PGraphics 1 1 Ppoint TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Pline",
        |vm| {
            numeric(vm, &[4, 6], |c, n| {
                c.line([n[0], n[1], n[2], n[3]]);
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> x1<NUMBER> y1<NUMBER> x2<NUMBER> y2<NUMBER> Pline canvas<PGRAPHICS>\ncanvas<PGRAPHICS> x1<NUMBER> y1<NUMBER> z1<NUMBER> x2<NUMBER> y2<NUMBER> z2<NUMBER> Pline canvas<PGRAPHICS>",
        "Draws a line.",
        &[("2 2 '2D0' PGraphics 0 0 1 1 Pline TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Prect",
        |vm| {
            numeric(vm, &[4, 5, 8], |c, n| {
                shapes::rect(c, n);
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> Prect canvas<PGRAPHICS>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> radius<NUMBER> Prect canvas<PGRAPHICS>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> topLeft<NUMBER> topRight<NUMBER> bottomRight<NUMBER> bottomLeft<NUMBER> Prect canvas<PGRAPHICS>",
        "Draws a rectangle, with rounded corners if so wanted.",
        &[(
            "2 1 '2D0' PGraphics PnoStroke 0 Pfill 1 0 1 1 Prect Ppixels SWAP DROP",
            "[[0,-16777216]]",
        )],
    ),
    word(
        "Pellipse",
        |vm| {
            numeric(vm, &[4], |c, n| {
                c.ellipse([n[0], n[1], n[2], n[3]]);
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> Pellipse canvas<PGRAPHICS>",
        "Draws an ellipse.",
        &[("2 2 '2D0' PGraphics 1 1 2 2 Pellipse TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Ptriangle",
        |vm| {
            numeric(vm, &[6], |c, n| {
                c.polygon(&shapes::corners(n));
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> x1<NUMBER> y1<NUMBER> x2<NUMBER> y2<NUMBER> x3<NUMBER> y3<NUMBER> Ptriangle canvas<PGRAPHICS>",
        "Draws a triangle.",
        &[("2 2 '2D0' PGraphics 0 0 2 0 0 2 Ptriangle TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Pquad",
        |vm| {
            numeric(vm, &[8], |c, n| {
                c.polygon(&shapes::corners(n));
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> x1<NUMBER> y1<NUMBER> x2<NUMBER> y2<NUMBER> x3<NUMBER> y3<NUMBER> x4<NUMBER> y4<NUMBER> Pquad canvas<PGRAPHICS>",
        "Draws a shape of four corners.",
        &[("2 2 '2D0' PGraphics 0 0 2 0 2 2 0 2 Pquad TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Parc",
        shapes::arc,
        "1.0.0",
        "canvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> from<NUMBER> to<NUMBER> Parc canvas<PGRAPHICS>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> from<NUMBER> to<NUMBER> mode<STRING> Parc canvas<PGRAPHICS>",
        "Draws part of an ellipse, from one angle to another; the mode (`PIE`, `CHORD`, `OPEN`) says how it is closed.",
        &[("2 2 '2D0' PGraphics 1 1 2 2 0 PI 'PIE' Parc TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Pbezier",
        |vm| shapes::curve(vm, true),
        "1.0.0",
        "canvas<PGRAPHICS> x1<NUMBER> y1<NUMBER> x2<NUMBER> y2<NUMBER> x3<NUMBER> y3<NUMBER> x4<NUMBER> y4<NUMBER> Pbezier canvas<PGRAPHICS>",
        "Draws a Bézier curve.",
        &[("2 2 '2D0' PGraphics 0 0 1 1 2 2 3 3 Pbezier TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Pcurve",
        |vm| shapes::curve(vm, false),
        "1.0.0",
        "canvas<PGRAPHICS> x1<NUMBER> y1<NUMBER> x2<NUMBER> y2<NUMBER> x3<NUMBER> y3<NUMBER> x4<NUMBER> y4<NUMBER> Pcurve canvas<PGRAPHICS>",
        "Draws a curve through the second and third of four points.",
        &[("2 2 '2D0' PGraphics 0 0 1 1 2 2 3 3 Pcurve TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PcurveTightness",
        |vm| {
            numeric(vm, &[1], |c, n| {
                c.tightness = n[0];
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> tightness<NUMBER> PcurveTightness canvas<PGRAPHICS>",
        "How straight curves through points are: 1 is straight.",
        &[("2 2 '2D0' PGraphics 0.5 PcurveTightness TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PbeginShape",
        shapes::begin_shape,
        "1.0.0",
        "canvas<PGRAPHICS> PbeginShape canvas<PGRAPHICS>\ncanvas<PGRAPHICS> kind<STRING> PbeginShape canvas<PGRAPHICS>",
        "Starts a shape of vertices: `POLYGON`, `POINTS`, `LINES`, `TRIANGLES`, `TRIANGLE_STRIP`, `TRIANGLE_FAN`, `QUADS` or `QUAD_STRIP`.",
        &[("2 2 '2D0' PGraphics PbeginShape TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PendShape",
        shapes::end_shape,
        "1.0.0",
        "canvas<PGRAPHICS> PendShape canvas<PGRAPHICS>\ncanvas<PGRAPHICS> mode<STRING> PendShape canvas<PGRAPHICS>",
        "Draws the shape; with `CLOSE` its outline is closed.",
        &[("2 2 '2D0' PGraphics PbeginShape PendShape TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Pvertex",
        |vm| {
            numeric(vm, &[2, 3, 4, 5], |c, n| match *n {
                [x, y] => {
                    c.vertex(x, y);
                    Ok(())
                }
                [_, _, _, _] => Err(
                    "You must first call texture() before using u and v coordinates with vertex()",
                ),
                _ => Ok(()),
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> x<NUMBER> y<NUMBER> Pvertex canvas<PGRAPHICS>\ncanvas<PGRAPHICS> x<NUMBER> y<NUMBER> z<NUMBER> Pvertex canvas<PGRAPHICS>",
        "Adds a vertex to the shape.",
        &[("2 2 '2D0' PGraphics PbeginShape 1 1 Pvertex TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PbezierVertex",
        |vm| {
            numeric(vm, &[6, 9], |c, n| match *n {
                [a, b, x, y, e, f] => c.bezier_vertex([a, b, x, y, e, f]),
                _ => Ok(()),
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> x2<NUMBER> y2<NUMBER> x3<NUMBER> y3<NUMBER> x4<NUMBER> y4<NUMBER> PbezierVertex canvas<PGRAPHICS>",
        "Adds a Bézier curve to the shape.",
        &[(
            "2 2 '2D0' PGraphics PbeginShape 0 0 Pvertex 1 1 2 2 3 3 PbezierVertex TYPEOF",
            "[\"PGRAPHICS\"]",
        )],
    ),
    word(
        "PquadraticVertex",
        |vm| {
            numeric(vm, &[4, 6], |c, n| match *n {
                [a, b, x, y] => c.quadratic_vertex([a, b, x, y]),
                _ => Ok(()),
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> cx<NUMBER> cy<NUMBER> x<NUMBER> y<NUMBER> PquadraticVertex canvas<PGRAPHICS>",
        "Adds a curve with one control point to the shape.",
        &[(
            "2 2 '2D0' PGraphics PbeginShape 0 0 Pvertex 1 1 2 2 PquadraticVertex TYPEOF",
            "[\"PGRAPHICS\"]",
        )],
    ),
    word(
        "PcurveVertex",
        |vm| {
            numeric(vm, &[2, 3], |c, n| match *n {
                [x, y] => c.curve_vertex(x, y),
                _ => Ok(()),
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> x<NUMBER> y<NUMBER> PcurveVertex canvas<PGRAPHICS>",
        "Adds a point that a curve of the shape goes through.",
        &[("2 2 '2D0' PGraphics PbeginShape 1 1 PcurveVertex TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PbeginContour",
        |vm| {
            numeric(vm, &[0], |c, _| {
                c.begin_contour();
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> PbeginContour canvas<PGRAPHICS>",
        "Starts a hole in the shape.",
        &[("2 2 '2D0' PGraphics PbeginContour TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PendContour",
        |vm| {
            numeric(vm, &[0], |c, _| {
                c.end_contour();
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> PendContour canvas<PGRAPHICS>",
        "Ends a hole in the shape.",
        &[("2 2 '2D0' PGraphics PendContour TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PloadShape",
        shapes::load_shape,
        "1.2.18",
        "svg<STRING> PloadShape shape<PSHAPE>",
        "Reads the text of an SVG file: simple shapes, paths, groups, colours.",
        &[("'nope' PloadShape", "!Content is not allowed in prolog.")],
    ),
    word(
        "Pshape",
        shapes::shape,
        "1.2.18",
        "canvas<PGRAPHICS> shape<PSHAPE> Pshape canvas<PGRAPHICS>\ncanvas<PGRAPHICS> shape<PSHAPE> x<NUMBER> y<NUMBER> Pshape canvas<PGRAPHICS>\ncanvas<PGRAPHICS> shape<PSHAPE> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> Pshape canvas<PGRAPHICS>",
        "Draws a shape that PloadShape read.",
        &[("2 2 '2D0' PGraphics 5 Pshape", "!Not a shape.")],
    ),
    word(
        "Ptext",
        shapes::write,
        "1.0.0",
        "canvas<PGRAPHICS> text<STRING> x<NUMBER> y<NUMBER> Ptext canvas<PGRAPHICS>\ncanvas<PGRAPHICS> text<STRING> x<NUMBER> y<NUMBER> z<NUMBER> Ptext canvas<PGRAPHICS>\ncanvas<PGRAPHICS> text<STRING> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> Ptext canvas<PGRAPHICS>",
        "Writes a text at a place or into a box, in the one font there is.",
        &[("2 2 '2D0' PGraphics 'a' 0 0 Ptext TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PtextAlign",
        shapes::align,
        "1.0.0",
        "canvas<PGRAPHICS> x<STRING> PtextAlign canvas<PGRAPHICS>\ncanvas<PGRAPHICS> x<STRING> y<STRING> PtextAlign canvas<PGRAPHICS>",
        "Where text stands beside its place: `LEFT`, `CENTER` or `RIGHT`; `TOP`, `CENTER`, `BOTTOM` or `BASELINE`.",
        &[("2 2 '2D0' PGraphics 'LEFT' 'TOP' PtextAlign TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PtextSize",
        |vm| {
            numeric(vm, &[1], |c, n| {
                c.style.set_text_size(n[0]);
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> size<NUMBER> PtextSize canvas<PGRAPHICS>",
        "How large text is.",
        &[("2 2 '2D0' PGraphics 12 PtextSize TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PtextLeading",
        |vm| {
            numeric(vm, &[1], |c, n| {
                c.style.leading = n[0];
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> distance<NUMBER> PtextLeading canvas<PGRAPHICS>",
        "The distance from one line of text to the next.",
        &[("2 2 '2D0' PGraphics 12 PtextLeading TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PtextWidth",
        shapes::text_width,
        "1.0.0",
        "canvas<PGRAPHICS> text<STRING> PtextWidth canvas<PGRAPHICS> width<DOUBLE>",
        "How wide a text would be.",
        &[("2 2 '2D0' PGraphics '' PtextWidth SWAP DROP", "[0.0]")],
    ),
    word(
        "PtextAscent",
        |vm| pictures::measure(vm, |c| c.style.ascent()),
        "1.0.0",
        "canvas<PGRAPHICS> PtextAscent canvas<PGRAPHICS> height<DOUBLE>",
        "How far text reaches above its line.",
        &[("2 2 '2D0' PGraphics 9 PtextSize PtextAscent SWAP DROP", "[7.0]")],
    ),
    word(
        "PtextDescent",
        |vm| pictures::measure(vm, |c| c.style.descent()),
        "1.0.0",
        "canvas<PGRAPHICS> PtextDescent canvas<PGRAPHICS> depth<DOUBLE>",
        "How far text reaches below its line.",
        &[("2 2 '2D0' PGraphics 9 PtextSize PtextDescent SWAP DROP", "[2.0]")],
    ),
    word(
        "PtextMode",
        shapes::text_mode,
        "1.0.0",
        "canvas<PGRAPHICS> mode<STRING> PtextMode canvas<PGRAPHICS>",
        "How text is drawn, `MODEL` or `SHAPE`: here alike.",
        &[("2 2 '2D0' PGraphics 'MODEL' PtextMode TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PcreateFont",
        shapes::create_font,
        "1.0.0",
        "canvas<PGRAPHICS> name<STRING> PcreateFont canvas<PGRAPHICS> font<PFONT>\ncanvas<PGRAPHICS> name<STRING> size<NUMBER> PcreateFont canvas<PGRAPHICS> font<PFONT>\ncanvas<PGRAPHICS> name<STRING> size<NUMBER> smooth<BOOLEAN> PcreateFont canvas<PGRAPHICS> font<PFONT>\ncanvas<PGRAPHICS> name<STRING> size<NUMBER> smooth<BOOLEAN> characters<STRING> PcreateFont canvas<PGRAPHICS> font<PFONT>",
        "A font of a size. There is one font, whatever name it is asked by.",
        &[("2 2 '2D0' PGraphics 'SansSerif' 10 PcreateFont TYPEOF", "[\"PFONT\",null]")],
    ),
    word(
        "PtextFont",
        shapes::text_font,
        "1.0.0",
        "canvas<PGRAPHICS> font<PFONT> PtextFont canvas<PGRAPHICS>\ncanvas<PGRAPHICS> font<PFONT> size<NUMBER> PtextFont canvas<PGRAPHICS>",
        "Chooses a font, and with it the size of text.",
        &[("2 2 '2D0' PGraphics 'SansSerif' 10 PcreateFont PtextFont TYPEOF", "[\"PGRAPHICS\"]")],
    ),
];
