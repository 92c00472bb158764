"""What a card says of a classifier."""

import collections


def accuracy(predicted, labels):
    return round(float((predicted == labels).mean()), 4)


def by(groups, predicted, labels):
    """Accuracy and number of texts of each group, in the order of the groups' names as numbers where they begin with one."""
    def place(name):
        number = name.split("-")[0].rstrip("+")
        return (0, int(number), name) if number.isdigit() else (1, 0, name)
    found = collections.OrderedDict()
    for group in sorted(set(groups), key=place):
        own = groups == group
        found[str(group)] = {"texts": int(own.sum()), "accuracy": accuracy(predicted[own], labels[own])}
    return found


def detection(predicted, labels, positive=1):
    """Precision, recall, F1 and the rate of false positives of one class."""
    hit = int(((predicted == positive) & (labels == positive)).sum())
    named, there = int((predicted == positive).sum()), int((labels == positive).sum())
    wrong, others = named - hit, len(labels) - there
    return {
        "precision": round(hit / max(named, 1), 4), "recall": round(hit / max(there, 1), 4),
        "f1": round(2 * hit / max(named + there, 1), 4),
        "false_positives": round(wrong / max(others, 1), 4),
    }


def confusions(predicted, labels, names, most=12):
    """The most frequent mistakes: [language, taken for, times]."""
    wrong = collections.Counter((names[l], names[p]) for p, l in zip(predicted, labels) if p != l)
    return [[label, taken, times] for (label, taken), times in wrong.most_common(most)]
