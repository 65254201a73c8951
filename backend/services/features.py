"""What the feature store holds, and taking it out."""

from __future__ import annotations

from collections.abc import Sequence

from backend.catalog.address import parse
from backend.errors import Fault, InvalidInput
from backend.schemas import StoredFeatures
from backend.services.base import Door


class StoredFeatureCalls(Door):
    """Stored features: list and remove."""

    def stored_features(self) -> list[StoredFeatures]:
        """What is stored, largest first, with the runs that use it."""
        from backend.features.store.inventory import stored_features

        return stored_features(self.settings.features_dir, self._store.feature_users())

    def remove_features(self, keys: Sequence[str]) -> int:
        """Removes stored features; runs that used them keep their heads, galleries and scores.

        Returns:
            Bytes freed.

        Raises:
            InvalidInput: there is no such entry, or a live run uses it; nothing is removed then.
        """
        from backend.features.store.inventory import remove_features

        self.may_change()
        known = {entry.key: entry for entry in self.stored_features()}
        faults = [Fault(key, "is not in the feature store") for key in keys if key not in known]
        # other options may lead to the same output: an encoder is compared without them
        live = {
            parse(name).base: run.name
            for run in self._store.list_runs()
            if run.live
            for name in self._named(run.id)
        }
        faults += [
            Fault(f"{known[key].encoder}, {known[key].output}", f"{live[name]} is live and uses it")
            for key in keys
            if key in known and (name := parse(known[key].encoder).base) in live
        ]
        if faults:
            raise InvalidInput("Nothing was removed; choose again.", faults)
        return remove_features(self.settings.features_dir, keys)

    def _named(self, run_id: str) -> list[str]:
        """Every encoder that a run may encode with."""
        asked = self._store.get_run(run_id).request
        first = [asked.image_encoder, asked.text_encoder]
        return [*first, *asked.image_candidates, *asked.text_candidates]
