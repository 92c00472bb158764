//! The script that wasm-bindgen writes, as a module of which each call gives an instance of its own.

use crate::Result;

/// From wasm-bindgen's script for pages without modules, a function with all state that is called once, to a module whose function is
/// called for each instance. Comments and indentation are left out: the script travels to the user.
pub fn factory(script: &str) -> Result<String> {
    let (_, body) = script.split_once(BEGIN).ok_or_else(|| unknown("a beginning"))?;
    let (_, body) = body.split_once(CLASSES).ok_or_else(|| unknown("a first class"))?;
    let (body, _) = body.split_once(END).ok_or_else(|| unknown("an end"))?;
    let mut text = format!("{HEAD}{}", &CLASSES[CLASSES.len() - "/**".len()..]);
    text.push_str(body);
    text.push_str(TAIL);
    Ok(without_comments(&text))
}

/// Whether one module's script has all imports of another's.
pub fn serves(script: &str, other: &str) -> Result<()> {
    let imports = |script: &str| -> Vec<String> {
        let names =
            script.lines().filter_map(|line| line.trim().split_once(": function(")).map(|(name, _)| name.to_owned());
        names.filter(|name| name.starts_with("__wb")).collect()
    };
    let had = imports(script);
    let missing: Vec<String> = imports(other).into_iter().filter(|name| !had.contains(name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("one script doesn't do for both modules: {missing:?}").into()) }
}

fn unknown(what: &str) -> String {
    format!("the script of wasm-bindgen has not {what} where this version of it has: adapt xtask/web/src/script.rs")
}

/// Only comments that take whole lines.
fn without_comments(script: &str) -> String {
    let mut comment = false;
    let mut text = String::new();
    for line in script.lines().map(str::trim) {
        comment |= line.starts_with("/**");
        if !(comment || line.is_empty() || line.starts_with("// ")) {
            text.push_str(line);
            text.push('\n');
        }
        comment &= !line.ends_with("*/");
    }
    text
}

const BEGIN: &str = "let wasm_bindgen = (function(exports) {";
const CLASSES: &str = "}\n            \n/**";
const END: &str = "async function __wbg_load(";

/// No finalizers: who drops an instance drops all that lies in it, and an instance that trapped is not called again.
const HEAD: &str = "\
export async function instantiate(module) {
const exports = { __proto__: null };
const FinalizationRegistry = undefined;
";

const TAIL: &str = "\
__wbg_finalize_init(await WebAssembly.instantiate(module, __wbg_get_imports()), module);
exports.memory = wasm.memory;
return exports;
}
";

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "
            let wasm_bindgen = (function(exports) {
            let script_src;
            if (document) {
                script_src = 1;
            }
            
/**
 * Text.
 */
class A {
    // A word.
    f() { return '// kept'; }
}
exports.A = A;

            async function __wbg_load(module) {
            }
            return Object.assign(__wbg_init, { initSync }, exports);
            })({ __proto__: null });
";

    #[test]
    fn all_state_is_inside_of_the_function() -> Result<()> {
        let script = factory(SCRIPT)?;
        assert!(script.starts_with(HEAD) && script.ends_with(TAIL));
        let body = &script[HEAD.len()..script.len() - TAIL.len()];
        assert_eq!(body, "class A {\nf() { return '// kept'; }\n}\nexports.A = A;\n");
        Ok(())
    }

    #[test]
    fn another_shape_is_an_error() {
        for missing in [BEGIN, CLASSES, END] {
            assert!(factory(&SCRIPT.replace(missing, "")).is_err(), "{missing}");
        }
    }
}
