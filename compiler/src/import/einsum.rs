//! Einsum: operands are taken two at a time and brought to one batched product of matrices.

use dunlin_engine::op::{Op, ReduceKind};

use super::context::Importer;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::ValueId;

/// An axis: a letter, or a dimension of the ellipsis counted from its end.
type Label = u32;

/// Labels of the ellipsis lie above all characters.
const ELLIPSIS: Label = 0x11_0000;

/// A value with one label an axis.
#[derive(Clone, Debug)]
struct Term {
    id: ValueId,
    labels: Vec<Label>,
}

/// Einsum of one type of floats.
pub fn einsum(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let equation: String = node.text_or("equation", "")?.chars().filter(|c| !c.is_whitespace()).collect();
    let operands = node.variadic()?;
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation.as_str(), None),
    };
    let subscripts: Vec<&str> = left.split(',').collect();
    if subscripts.len() != operands.len() {
        return Err(node.invalid(format!("'{equation}' for {} operands", operands.len())));
    }
    let mut terms = Vec::new();
    for (&id, text) in operands.iter().zip(subscripts) {
        let labels = labels(node, text, Some(importer.rank(id)))?;
        terms.push(diagonal(importer, node, Term { id, labels })?);
    }
    broadcast(importer, node, &mut terms)?;
    let output = match right {
        Some(text) => output_labels(node, text, &terms)?,
        None => implicit_output(left, &terms),
    };
    Ok(vec![contract(importer, terms, &output)?])
}

/// One label an axis; the ellipsis takes the axes that letters leave.
fn labels(node: &OnnxNode<'_>, text: &str, rank: Option<usize>) -> Result<Vec<Label>> {
    let wrong = || node.invalid(format!("subscripts '{text}'"));
    let letters = |part: &str| -> Result<Vec<Label>> {
        part.chars().map(|c| if c.is_ascii_alphabetic() { Ok(c as Label) } else { Err(wrong()) }).collect()
    };
    let Some((before, after)) = text.split_once("...") else {
        let labels = letters(text)?;
        return if rank.is_none_or(|r| r == labels.len()) { Ok(labels) } else { Err(wrong()) };
    };
    let (before, after) = (letters(before)?, letters(after)?);
    let rank = rank.ok_or_else(wrong)?;
    let hidden = rank.checked_sub(before.len() + after.len()).ok_or_else(wrong)?;
    let middle = (0..hidden as Label).rev().map(|i| ELLIPSIS + i);
    Ok(before.into_iter().chain(middle).chain(after).collect())
}

/// Labels after the arrow; the ellipsis stands for the longest among the operands.
fn output_labels(node: &OnnxNode<'_>, text: &str, terms: &[Term]) -> Result<Vec<Label>> {
    let known = |label: &Label| terms.iter().any(|t| t.labels.contains(label));
    let hidden = hidden(terms).len();
    let letters = text.replace("...", "").chars().count();
    let dots = text.contains("...");
    let output = labels(node, text, Some(letters + if dots { hidden } else { 0 }))?;
    match output.iter().all(known) {
        true => Ok(output),
        false => Err(node.invalid(format!("'{text}' has axes that no operand has"))),
    }
}

fn hidden(terms: &[Term]) -> Vec<Label> {
    let mut labels: Vec<Label> = terms.iter().flat_map(|t| t.labels.clone()).filter(|&l| l >= ELLIPSIS).collect();
    labels.sort_unstable_by(|a, b| b.cmp(a));
    labels.dedup();
    labels
}

/// Without an arrow: the ellipsis, then letters that occur once, in alphabetic order.
fn implicit_output(left: &str, terms: &[Term]) -> Vec<Label> {
    let once = |c: &char| c.is_ascii_alphabetic() && left.matches(*c).count() == 1;
    let mut letters: Vec<char> = left.chars().filter(once).collect();
    letters.sort_unstable();
    hidden(terms).into_iter().chain(letters.into_iter().map(|c| c as Label)).collect()
}

/// A label that occurs twice in one operand: only the diagonal counts.
fn diagonal(importer: &mut Importer<'_>, node: &OnnxNode<'_>, mut term: Term) -> Result<Term> {
    while let Some((first, second)) = repeated(&term.labels) {
        let dims = importer.dims(term.id);
        let (rank, size) = (dims.len(), dims[first]);
        if dims[second] != size {
            return Err(node.invalid("a repeated axis has two sizes"));
        }
        let others: Vec<usize> = (0..rank).filter(|&i| i != first && i != second).collect();
        let perm: Vec<usize> = others.iter().copied().chain([first, second]).collect();
        let last = importer.transpose(term.id, &perm)?;
        let kept: Vec<usize> = others.iter().map(|&i| dims[i]).collect();
        let flat = importer.reshape(last, &[&kept[..], &[size * size]].concat())?;
        let id = importer.slice_step(flat, rank - 2, [0, i32::MAX, size as i32 + 1])?;
        let labels = others.iter().copied().chain([first]).map(|i| term.labels[i]).collect();
        term = Term { id, labels };
    }
    Ok(term)
}

fn repeated(labels: &[Label]) -> Option<(usize, usize)> {
    labels.iter().enumerate().find_map(|(i, label)| {
        let later = labels[i + 1..].iter().position(|l| l == label)?;
        Some((i, i + 1 + later))
    })
}

/// Axes of length 1 are brought to the length that other operands have for the label.
fn broadcast(importer: &mut Importer<'_>, node: &OnnxNode<'_>, terms: &mut [Term]) -> Result<()> {
    let sized: Vec<(Label, usize)> =
        terms.iter().flat_map(|t| t.labels.iter().copied().zip(importer.dims(t.id))).collect();
    for term in terms {
        let largest = |label: &Label| sized.iter().filter(|(l, _)| l == label).map(|&(_, d)| d).max().unwrap_or(1);
        let target: Vec<usize> = term.labels.iter().map(largest).collect();
        let fits = importer.dims(term.id).iter().zip(&target).all(|(&d, &t)| d == t || d == 1);
        if !fits {
            return Err(node.invalid("an axis has two sizes"));
        }
        term.id = importer.expand(term.id, &target)?;
    }
    Ok(())
}

fn contract(importer: &mut Importer<'_>, terms: Vec<Term>, output: &[Label]) -> Result<ValueId> {
    let mut terms = terms.into_iter();
    let Some(mut done) = terms.next() else { return Ok(importer.scalar(0.0)) };
    while let Some(next) = terms.next() {
        let rest = terms.as_slice();
        let needed = |label: &Label| output.contains(label) || rest.iter().any(|t| t.labels.contains(label));
        done = pair(importer, done, next, needed)?;
    }
    let done = sum_out(importer, done, |label| output.contains(label))?;
    arrange(importer, &done, output)
}

/// Sums a term over the labels that nobody needs.
fn sum_out(importer: &mut Importer<'_>, term: Term, needed: impl Fn(&Label) -> bool) -> Result<Term> {
    let axes: Vec<usize> = (0..term.labels.len()).filter(|&i| !needed(&term.labels[i])).collect();
    if axes.is_empty() {
        return Ok(term);
    }
    let id = importer.reduce(ReduceKind::Sum, term.id, &axes, false)?;
    Ok(Term { id, labels: term.labels.into_iter().filter(|l| needed(l)).collect() })
}

/// Axes in the order of `labels`.
fn arrange(importer: &mut Importer<'_>, term: &Term, labels: &[Label]) -> Result<ValueId> {
    let perm: Vec<usize> = labels.iter().filter_map(|l| term.labels.iter().position(|t| t == l)).collect();
    importer.transpose(term.id, &perm)
}

/// Product of two terms, summed over the labels that they share and nobody needs.
fn pair(importer: &mut Importer<'_>, a: Term, b: Term, needed: impl Fn(&Label) -> bool) -> Result<Term> {
    let a = sum_out(importer, a, |l| needed(l) || b.labels.contains(l))?;
    let b = sum_out(importer, b, |l| needed(l) || a.labels.contains(l))?;
    let shared = |l: &&Label| b.labels.contains(l);
    let batch: Vec<Label> = a.labels.iter().filter(shared).filter(|l| needed(l)).copied().collect();
    let summed: Vec<Label> = a.labels.iter().filter(shared).filter(|l| !needed(l)).copied().collect();
    let rows: Vec<Label> = a.labels.iter().filter(|l| !b.labels.contains(l)).copied().collect();
    let columns: Vec<Label> = b.labels.iter().filter(|l| !a.labels.contains(l)).copied().collect();
    let sizes = |importer: &Importer<'_>, term: &Term, labels: &[Label]| -> Vec<usize> {
        let dims = importer.dims(term.id);
        labels.iter().filter_map(|l| term.labels.iter().position(|t| t == l)).map(|i| dims[i]).collect()
    };
    let batch_dims = sizes(importer, &a, &batch);
    let (row_dims, column_dims) = (sizes(importer, &a, &rows), sizes(importer, &b, &columns));
    let depth = sizes(importer, &a, &summed).iter().product();
    let left = arrange(importer, &a, &[&batch[..], &rows, &summed].concat())?;
    let right = arrange(importer, &b, &[&batch[..], &summed, &columns].concat())?;
    let batches = batch_dims.iter().product();
    let left = importer.reshape(left, &[batches, row_dims.iter().product(), depth])?;
    let right = importer.reshape(right, &[batches, depth, column_dims.iter().product()])?;
    let product =
        importer.engine(Op::MatMul { trans_b: false, lo: f32::NEG_INFINITY, hi: f32::INFINITY }, &[left, right])?;
    let id = importer.reshape(product, &[&batch_dims[..], &row_dims, &column_dims].concat())?;
    Ok(Term { id, labels: [batch, rows, columns].concat() })
}
