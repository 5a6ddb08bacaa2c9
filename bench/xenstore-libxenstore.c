/*
 * Operations a second of libxenstore, one after the other as its interface has it, against the store that
 * XENSTORED_PATH names:  xenstore-libxenstore OPERATION SECONDS  prints one number.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xenstore.h>

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static bool once(struct xs_handle *store, const char *operation, unsigned long round)
{
    char value[32];
    unsigned int length;

    if (!strcmp(operation, "write")) {
        snprintf(value, sizeof value, "value-%lu", round);
        return xs_write(store, XBT_NULL, "/bench/value", value, strlen(value));
    }
    if (!strcmp(operation, "read")) {
        void *read = xs_read(store, XBT_NULL, "/bench/value", &length);
        free(read);
        return read != NULL;
    }
    if (!strcmp(operation, "directory")) {
        char **names = xs_directory(store, XBT_NULL, "/bench/list", &length);
        free(names);
        return names != NULL;
    }
    if (!strcmp(operation, "transaction")) {
        xs_transaction_t transaction = xs_transaction_start(store);
        free(xs_read(store, transaction, "/bench/value", &length));
        return xs_write(store, transaction, "/bench/value", "x", 1) && xs_transaction_end(store, transaction, false);
    }
    return false;
}

int main(int count, char **arguments)
{
    if (count != 3) return 2;
    const char *operation = arguments[1];
    double limit = atof(arguments[2]);
    struct xs_handle *store = xs_open(0);
    if (!store) return 1;

    unsigned long rounds = 0;
    double begin = seconds();
    while (seconds() - begin < limit) {
        for (int i = 0; i < 50; i++, rounds++) {
            if (!once(store, operation, rounds)) {
                perror(operation);
                return 1;
            }
        }
    }
    printf("%.0f\n", rounds / (seconds() - begin));
    xs_close(store);
    return 0;
}
