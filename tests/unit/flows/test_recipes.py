"""What flows know of an integration."""

from dataclasses import replace

from proxy.flows.recipes import Recipes
from tests.unit.flows.house import LAKE, WAREHOUSE


def test_a_recipe_is_worked_out_once_per_integration():
    recipes = Recipes()
    assert recipes.of(WAREHOUSE) is recipes.of(WAREHOUSE)
    assert recipes.of(LAKE).integration is LAKE


def test_an_integration_that_changed_has_another_recipe():
    recipes = Recipes()
    before = recipes.of(WAREHOUSE)
    moved = replace(WAREHOUSE, config={**WAREHOUSE.config, "token_uri": "https://id.example.net/other"})
    assert recipes.of(moved).fingerprint != before.fingerprint
    assert recipes.of(WAREHOUSE).fingerprint == before.fingerprint
