// Lucene's suggesters over a line protocol, so that a benchmark can time them in a warm JVM.
// java -cp JARS Suggest.java KEYS QUERIES EDITS K   (EDITS: 0 AnalyzingSuggester, 1 or 2 FuzzySuggester)
// KEYS: key TAB weight a line, folded and distinct. Prints build milliseconds and index bytes; then, for each line of input, answers
// every query once: CPU nanoseconds TAB names joined by TAB, a line a query.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import org.apache.lucene.analysis.core.KeywordAnalyzer;
import org.apache.lucene.search.suggest.InputIterator;
import org.apache.lucene.search.suggest.analyzing.AnalyzingSuggester;
import org.apache.lucene.search.suggest.analyzing.FuzzySuggester;
import org.apache.lucene.store.FSDirectory;
import org.apache.lucene.util.BytesRef;

public class Suggest {
    record Keys(Iterator<String> lines, long[] last) implements InputIterator {
        public BytesRef next() {
            if (!lines.hasNext()) return null;
            String[] parts = lines.next().split("\t");
            last[0] = Long.parseLong(parts[1]);
            return new BytesRef(parts[0]);
        }
        public long weight() { return last[0]; }
        public BytesRef payload() { return null; }
        public boolean hasPayloads() { return false; }
        public Set<BytesRef> contexts() { return null; }
        public boolean hasContexts() { return false; }
    }

    public static void main(String[] args) throws Exception {
        int edits = Integer.parseInt(args[2]), k = Integer.parseInt(args[3]);
        List<String> queries = Files.readAllLines(Path.of(args[1]));
        var analyzer = new KeywordAnalyzer();
        var scratch = FSDirectory.open(Files.createTempDirectory(Path.of(args[0]).getParent(), "lucene"));
        int options = AnalyzingSuggester.EXACT_FIRST | AnalyzingSuggester.PRESERVE_SEP;
        var suggester = edits == 0
            ? new AnalyzingSuggester(scratch, "suggest", analyzer)
            : new FuzzySuggester(scratch, "suggest", analyzer, analyzer, options, 256, -1, true, edits, true, 1, 3, true);
        long start = System.nanoTime();
        try (var lines = Files.lines(Path.of(args[0]))) {
            suggester.build(new Keys(lines.iterator(), new long[1]));
        }
        System.out.println((System.nanoTime() - start) / 1_000_000 + "\t" + suggester.ramBytesUsed());
        var clock = ManagementFactory.getThreadMXBean();
        var input = new BufferedReader(new InputStreamReader(System.in));
        while (input.readLine() != null) {
            var out = new StringBuilder();
            for (String query : queries) {
                long began = clock.getCurrentThreadCpuTime();
                var found = suggester.lookup(query, false, k);
                out.append(clock.getCurrentThreadCpuTime() - began);
                for (var result : found) out.append('\t').append(result.key);
                out.append('\n');
            }
            System.out.print(out);
            System.out.flush();
        }
    }
}
