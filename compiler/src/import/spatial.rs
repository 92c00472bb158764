//! Moving blocks of pixels between channels and space.

use super::context::Importer;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::ValueId;

/// DepthToSpace in both orders.
pub fn depth_to_space(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let (x, block, [n, c, h, w]) = operands(importer, node)?;
    if !c.is_multiple_of(block * block) {
        return Err(node.invalid(format!("{c} channels in blocks of {block}")));
    }
    let rest = c / (block * block);
    let (dims, perm) = match node.text_or("mode", "DCR")? {
        "DCR" => ([n, block, block, rest, h, w], [0, 3, 4, 1, 5, 2]),
        "CRD" => ([n, rest, block, block, h, w], [0, 1, 4, 2, 5, 3]),
        other => return Err(node.invalid(format!("mode '{other}'"))),
    };
    let blocks = importer.reshape(x, &dims)?;
    let moved = importer.transpose(blocks, &perm)?;
    Ok(vec![importer.reshape(moved, &[n, rest, h * block, w * block])?])
}

/// SpaceToDepth.
pub fn space_to_depth(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let (x, block, [n, c, h, w]) = operands(importer, node)?;
    if !h.is_multiple_of(block) || !w.is_multiple_of(block) {
        return Err(node.invalid(format!("{h}x{w} in blocks of {block}")));
    }
    let blocks = importer.reshape(x, &[n, c, h / block, block, w / block, block])?;
    let moved = importer.transpose(blocks, &[0, 3, 5, 1, 2, 4])?;
    Ok(vec![importer.reshape(moved, &[n, c * block * block, h / block, w / block])?])
}

fn operands(importer: &Importer<'_>, node: &OnnxNode<'_>) -> Result<(ValueId, usize, [usize; 4])> {
    let x = node.input(0)?;
    let block = node.int("blocksize")?.and_then(|b| usize::try_from(b).ok()).filter(|b| (1..=1 << 15).contains(b));
    let block = block.ok_or_else(|| node.invalid("attribute 'blocksize' must be positive"))?;
    let dims = <[usize; 4]>::try_from(importer.dims(x)).map_err(|_| node.invalid("it takes four dimensions"))?;
    Ok((x, block, dims))
}
