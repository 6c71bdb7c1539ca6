"""The Merkle tree: the published vectors, and the definitions of RFC 9162 written out as the RFC words them."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.store.log import merkle
from permits_engine.store.log.leaf import leaf_hash

# The inputs, roots and nodes that the implementations of Certificate Transparency test themselves with.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSIONS = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
}
CONSISTENCIES = {
    (1, 8): INCLUSIONS[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}

sizes = st.integers(1, 70)


def leaves(size: int) -> list[bytes]:
    """So many different leaves' hashes."""
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(size)]


def tree_hash(hashes: list[bytes]) -> bytes:
    """MTH of section 2.1.1."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"").digest()
    split = max(1 << bit for bit in range(16) if 1 << bit < len(hashes))
    return sha256(b"\x01" + tree_hash(hashes[:split]) + tree_hash(hashes[split:])).digest()


def path(index: int, hashes: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.3.1."""
    if len(hashes) == 1:
        return []
    split = max(1 << bit for bit in range(16) if 1 << bit < len(hashes))
    if index < split:
        return [*path(index, hashes[:split]), tree_hash(hashes[split:])]
    return [*path(index - split, hashes[split:]), tree_hash(hashes[:split])]


def subproof(size: int, hashes: list[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of section 2.1.4.1."""
    if size == len(hashes):
        return [] if whole else [tree_hash(hashes)]
    split = max(1 << bit for bit in range(16) if 1 << bit < len(hashes))
    if size <= split:
        return [*subproof(size, hashes[:split], whole), tree_hash(hashes[split:])]
    return [*subproof(size - split, hashes[split:], False), tree_hash(hashes[:split])]


def node_of(hashes: list[bytes]) -> merkle.Node:
    """What a store would answer: perfect subtrees only."""

    def node(height: int, index: int) -> bytes:
        found = hashes[index << height : (index + 1) << height]
        assert len(found) == 1 << height
        return merkle.fold(found)

    return node


def published(size: int) -> list[bytes]:
    return [leaf_hash(bytes.fromhex(each)) for each in LEAVES[:size]]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_as_published(size: int) -> None:
    """The tree over the published inputs has the published root, grown leaf by leaf or asked at once."""
    grown = merkle.CompactRange()
    for leaf in published(size):
        grown.append(leaf)
    assert grown.root().hex() == ROOTS[size]
    assert merkle.root(size, node_of(published(size))).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSIONS)
def test_inclusion_proofs_are_as_published(index: int, size: int) -> None:
    """The proof is the published one and leads to the published root."""
    proof = merkle.inclusion_proof(index, size, node_of(published(size)))
    assert [each.hex() for each in proof] == INCLUSIONS[index, size]
    found = merkle.root_of_inclusion(published(size)[index], index, size, proof)
    assert found is not None
    assert found.hex() == ROOTS[size]


@pytest.mark.parametrize(("old", "new"), CONSISTENCIES)
def test_consistency_proofs_are_as_published(old: int, new: int) -> None:
    """The proof is the published one and holds between the published roots."""
    proof = merkle.consistency_proof(old, new, node_of(published(new)))
    assert [each.hex() for each in proof] == CONSISTENCIES[old, new]
    assert merkle.is_consistent(old, new, bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[new]), proof)


def test_every_proof_of_small_trees_is_the_one_of_the_definition() -> None:
    """Up to 33 leaves, all proofs are those of the RFC's recursive definitions, and hold."""
    for size in range(1, 34):
        hashes = leaves(size)
        root, node = tree_hash(hashes), node_of(hashes)
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, node)
            assert proof == path(index, hashes)
            assert merkle.root_of_inclusion(hashes[index], index, size, proof) == root
        for old in range(1, size + 1):
            proof = merkle.consistency_proof(old, size, node)
            assert proof == subproof(old, hashes)
            assert merkle.is_consistent(old, size, tree_hash(hashes[:old]), root, proof)


@given(size=sizes, data=st.data())
def test_a_changed_inclusion_proof_does_not_hold(size: int, data: st.DataObject) -> None:
    """Another leaf, another place, a changed, a missing or an added hash lead elsewhere or nowhere."""
    hashes = leaves(size)
    root, index = tree_hash(hashes), data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(index, size, node_of(hashes))
    stranger = leaf_hash(b"stranger")
    assert merkle.root_of_inclusion(stranger, index, size, proof) != root
    assert merkle.root_of_inclusion(hashes[index], index, size, [*proof, stranger]) != root
    assert merkle.root_of_inclusion(hashes[index], size, size, proof) is None
    for other in range(size):
        assert other == index or merkle.root_of_inclusion(hashes[index], other, size, proof) != root
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        changed = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        assert merkle.root_of_inclusion(
            hashes[index], index, size, [*proof[:at], changed, *proof[at + 1 :]]
        ) != (root)
        assert merkle.root_of_inclusion(hashes[index], index, size, proof[:at] + proof[at + 1 :]) != root


@given(new=sizes, data=st.data())
def test_a_changed_consistency_proof_does_not_hold(new: int, data: st.DataObject) -> None:
    """Other roots, or a changed, a missing or an added hash, show nothing."""
    hashes = leaves(new)
    old = data.draw(st.integers(1, new))
    before, after = tree_hash(hashes[:old]), tree_hash(hashes)
    proof = merkle.consistency_proof(old, new, node_of(hashes))
    stranger = leaf_hash(b"stranger")
    assert not merkle.is_consistent(old, new, stranger, after, proof)
    assert not merkle.is_consistent(old, new, before, stranger, proof)
    assert not merkle.is_consistent(old, new, before, after, [*proof, stranger])
    assert not merkle.is_consistent(new, old, after, before, proof) or old == new
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        changed = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        assert not merkle.is_consistent(old, new, before, after, [*proof[:at], changed, *proof[at + 1 :]])
        assert not merkle.is_consistent(old, new, before, after, proof[:at] + proof[at + 1 :])


@given(size=sizes, data=st.data())
def test_another_history_of_the_same_length_is_not_consistent(size: int, data: st.DataObject) -> None:
    """Where one leaf of the old tree was changed since, no honest proof leads from the old root to the new."""
    hashes = leaves(size)
    old = data.draw(st.integers(1, size))
    at = data.draw(st.integers(0, old - 1))
    before = tree_hash(hashes[:old])
    hashes[at] = leaf_hash(b"changed")
    proof = merkle.consistency_proof(old, size, node_of(hashes))
    assert not merkle.is_consistent(old, size, before, tree_hash(hashes), proof)


def test_every_tree_continues_the_empty_one() -> None:
    """From nothing, and from itself, a tree grows without a proof."""
    root = tree_hash(leaves(5))
    assert merkle.consistency_proof(0, 5, node_of(leaves(5))) == []
    assert merkle.is_consistent(0, 5, merkle.EMPTY_ROOT, root, [])
    assert merkle.is_consistent(5, 5, root, root, [])
    assert not merkle.is_consistent(0, 5, root, root, [])
    assert not merkle.is_consistent(5, 5, root, root, [root])
    assert not merkle.is_consistent(3, 5, root, root, [])


@given(st.integers(0, 40), st.integers(0, 3))
def test_a_range_goes_on_by_subtrees(tail: int, height: int) -> None:
    """Whole subtrees and then single leaves give the same root as leaves alone, also in a copy."""
    hashes = leaves(5 * 8 + tail)
    grown = merkle.CompactRange()
    for start in range(0, 40, 1 << height):
        grown.append_subtree(height, tree_hash(hashes[start : start + (1 << height)]))
    copy = grown.copy()
    for leaf in hashes[40:]:
        copy.append(leaf)
    assert (grown.size, grown.root()) == (40, tree_hash(hashes[:40]))
    assert (copy.size, copy.root()) == (len(hashes), tree_hash(hashes))


def test_a_subtree_begins_where_it_may() -> None:
    """After one leaf no pair can be put: it would not be the tree of the definition."""
    grown = merkle.CompactRange()
    grown.append(leaves(1)[0])
    with pytest.raises(ValueError, match="no subtree of height 1 begins at 1"):
        grown.append_subtree(1, leaves(1)[0])


def test_each_larger_subtree_is_told_as_it_becomes_whole() -> None:
    """By its height and its hash, in the order in which the leaves make it whole."""
    hashes, told = leaves(4), []
    grown = merkle.CompactRange()
    for leaf in hashes:
        grown.append_subtree(0, leaf, lambda height, node: told.append((height, node)))
    assert told == [(1, tree_hash(hashes[:2])), (1, tree_hash(hashes[2:])), (2, tree_hash(hashes))]


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    """A place outside the tree is an error, not a proof."""
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion_proof(index, size, node_of(leaves(3)))


def test_a_tree_does_not_shrink() -> None:
    """There is no proof from a larger tree to a smaller one."""
    with pytest.raises(ValueError, match="does not grow"):
        merkle.consistency_proof(3, 2, node_of(leaves(3)))
