"""A bounded mapping."""

from proxy.flows.memory import Memory


def test_what_was_not_used_for_longest_is_forgotten_first():
    memory = Memory(2)
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.get("a") == 1
    memory.put("c", 3)
    assert [memory.get(key) for key in "abc"] == [1, None, 3]
    assert len(memory) == 2


def test_dropping_twice_changes_nothing():
    memory = Memory(2)
    memory.put("a", 1)
    memory.drop("a")
    memory.drop("a")
    assert memory.get("a") is None


def test_what_has_such_a_key_is_forgotten_and_the_rest_stays():
    memory = Memory(9)
    for key in ("aa", "ab", "ba"):
        memory.put(key, 1)
    memory.drop_where(lambda key: key.startswith("a"))
    assert [memory.get(key) for key in ("aa", "ab", "ba")] == [None, None, 1]
