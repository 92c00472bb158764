// Dunlin as an Android library, for apps that are built with Gradle from this repository. It wants what `mobile/android/aar` makes on
// its way: the libraries in target/android/aar/jni and the bridge in target/bindings/kotlin.
import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
}

val repository = projectDir.resolve("../..")

android {
    namespace = "dunlin.android"
    compileSdk = 36

    defaultConfig {
        minSdk = 24
        consumerProguardFiles("consumer-rules.pro")
    }

    sourceSets.named("main") {
        java.srcDirs("src/main/kotlin", "src/camera/kotlin", "../kotlin/src/main/kotlin", repository.resolve("target/bindings/kotlin"))
        jniLibs.srcDirs(repository.resolve("target/android/aar/jni"))
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_11
    }
}

dependencies {
    api("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.11.0")
    implementation("net.java.dev.jna:jna:5.19.1@aar")
    // Apps that use the camera bring it themselves.
    compileOnly("androidx.camera:camera-core:1.5.1")
}
