//! WarpScript: parser, resumable machine, function library.
